# The processes, and the balancer in front of those that serve.

locals {
  secrets = [
    "DATABASE_URL", "REDIS_URL", "LLMGATEWAY_SECRET_KEY", "JWT_SECRET_KEY", "LLMGATEWAY_METRICS_TOKEN",
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET",
  ]
  roles = {
    data    = { command = ["serve", "--role", "data"], count = var.replicas, serves = true }
    control = { command = ["serve", "--role", "control"], count = 1, serves = true }
    worker  = { command = ["worker"], count = 1, serves = false }
    migrate = { command = ["migrate"], count = 0, serves = false }
  }
}

resource "aws_ecs_cluster" "main" {
  name = var.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "main" {
  name              = "/${var.name}"
  retention_in_days = 30
}

data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "start" {
  name_prefix        = "${var.name}-start-"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy_attachment" "start" {
  role       = aws_iam_role.start.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "secrets" {
  role = aws_iam_role.start.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = aws_secretsmanager_secret.main.arn }
    ]
  })
}

resource "aws_ecs_task_definition" "role" {
  for_each                 = local.roles
  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 1024
  memory                   = 2048
  execution_role_arn       = aws_iam_role.start.arn

  volume {
    name = "journals"
    efs_volume_configuration {
      file_system_id     = aws_efs_file_system.journals.id
      transit_encryption = "ENABLED"
      authorization_config {
        access_point_id = aws_efs_access_point.journals.id
      }
    }
  }

  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = each.key
    image                  = var.image
    command                = each.value.command
    essential              = true
    readonlyRootFilesystem = true
    stopTimeout            = 75
    user                   = "10001:10001"
    portMappings           = each.value.serves ? [{ containerPort = 8080 }] : []
    mountPoints = [
      { sourceVolume = "journals", containerPath = "/var/lib/llmgateway" },
      { sourceVolume = "tmp", containerPath = "/tmp" },
    ]
    environment = [
      { name = "LLMGATEWAY_LARGE_BODIES_MB", value = "256" }, # an eighth of the memory
      { name = "LLMGATEWAY_PUBLIC_URL", value = "https://${var.domain}" },
      { name = "LLMGATEWAY_TRUSTED_PROXIES", value = aws_vpc.main.cidr_block },
    ]
    secrets = [
      for name in local.secrets : { name = name, valueFrom = "${aws_secretsmanager_secret.main.arn}:${name}::" }
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.main.name
        awslogs-region        = var.region
        awslogs-stream-prefix = each.key
      }
    }
  }])

  depends_on = [aws_efs_mount_target.journals, aws_secretsmanager_secret_version.main]
}

resource "aws_lb" "main" {
  name                       = var.name
  load_balancer_type         = "application"
  subnets                    = aws_subnet.public[*].id
  security_groups            = [aws_security_group.balancer.id]
  idle_timeout               = 660 # longer than the longest silence of an answer
  drop_invalid_header_fields = true
}

resource "aws_lb_target_group" "role" {
  for_each             = { for role, one in local.roles : role => one if one.serves }
  name                 = "${var.name}-${each.key}"
  vpc_id               = aws_vpc.main.id
  port                 = 8080
  protocol             = "HTTP"
  target_type          = "ip"
  deregistration_delay = 70

  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = "/readyz"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.role["control"].arn
  }
}

resource "aws_lb_listener_rule" "metrics" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 1
  action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      status_code  = "404"
    }
  }
  condition {
    path_pattern {
      values = ["/metrics"]
    }
  }
}

resource "aws_lb_listener_rule" "tokens" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 2
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.role["data"].arn
  }
  condition {
    path_pattern {
      values = ["/v1/*"]
    }
  }
}

resource "aws_ecs_service" "role" {
  for_each                           = { for role, one in local.roles : role => one if one.count > 0 }
  name                               = each.key
  cluster                            = aws_ecs_cluster.main.id
  task_definition                    = aws_ecs_task_definition.role[each.key].arn
  desired_count                      = var.migrated ? each.value.count : 0
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  network_configuration {
    subnets         = aws_subnet.private[*].id
    security_groups = [aws_security_group.gateway.id]
  }

  dynamic "load_balancer" {
    for_each = each.value.serves ? [aws_lb_target_group.role[each.key].arn] : []
    content {
      target_group_arn = load_balancer.value
      container_name   = each.key
      container_port   = 8080
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  depends_on = [aws_lb_listener.https]
}
