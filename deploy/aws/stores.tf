# What outlives the processes: PostgreSQL, Valkey, the journals' file system, and the secrets.

resource "random_password" "database" {
  length  = 32
  special = false
}

resource "random_password" "cache" {
  length  = 32
  special = false
}

resource "random_password" "own" {
  for_each = toset(["secret_key", "jwt_secret_key", "metrics_token"])
  length   = 48
  special  = false
}

resource "aws_db_subnet_group" "main" {
  name       = var.name
  subnet_ids = aws_subnet.private[*].id
}

resource "aws_db_instance" "main" {
  identifier                   = var.name
  engine                       = "postgres"
  engine_version               = "18"
  instance_class               = var.database_class
  allocated_storage            = 50
  max_allocated_storage        = 500
  storage_type                 = "gp3"
  storage_encrypted            = true
  multi_az                     = true
  db_name                      = "llmgateway"
  username                     = "llmgateway"
  password                     = random_password.database.result
  db_subnet_group_name         = aws_db_subnet_group.main.name
  vpc_security_group_ids       = [aws_security_group.stores.id]
  publicly_accessible          = false
  backup_retention_period      = 14
  copy_tags_to_snapshot        = true
  deletion_protection          = true
  final_snapshot_identifier    = "${var.name}-last"
  performance_insights_enabled = true
  auto_minor_version_upgrade   = true
}

resource "aws_elasticache_subnet_group" "main" {
  name       = var.name
  subnet_ids = aws_subnet.private[*].id
}

resource "aws_elasticache_parameter_group" "main" {
  name   = var.name
  family = "valkey8"

  # A counter that is thrown out is a budget that is forgotten.
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

resource "aws_elasticache_replication_group" "main" {
  replication_group_id       = var.name
  description                = "Limits and cache of ${var.name}"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.cache_class
  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true
  parameter_group_name       = aws_elasticache_parameter_group.main.name
  subnet_group_name          = aws_elasticache_subnet_group.main.name
  security_group_ids         = [aws_security_group.stores.id]
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  auth_token                 = random_password.cache.result
}

resource "aws_efs_file_system" "journals" {
  encrypted       = true
  throughput_mode = "elastic"
  tags            = { Name = "${var.name}-journals" }
}

resource "aws_efs_mount_target" "journals" {
  count           = 2
  file_system_id  = aws_efs_file_system.journals.id
  subnet_id       = aws_subnet.private[count.index].id
  security_groups = [aws_security_group.stores.id]
}

resource "aws_efs_access_point" "journals" {
  file_system_id = aws_efs_file_system.journals.id

  posix_user {
    uid = 10001
    gid = 10001
  }

  root_directory {
    path = "/llmgateway"
    creation_info {
      owner_uid   = 10001
      owner_gid   = 10001
      permissions = "0700"
    }
  }
}

resource "aws_secretsmanager_secret" "main" {
  name_prefix = "${var.name}-"
  description = "What the processes of ${var.name} read; keys of providers and Stripe are added by hand"
}

resource "aws_secretsmanager_secret_version" "main" {
  secret_id = aws_secretsmanager_secret.main.id
  secret_string = jsonencode({
    DATABASE_URL             = "postgresql://llmgateway:${random_password.database.result}@${aws_db_instance.main.endpoint}/llmgateway?sslmode=require"
    REDIS_URL                = "rediss://:${random_password.cache.result}@${aws_elasticache_replication_group.main.primary_endpoint_address}:6379/0"
    LLMGATEWAY_SECRET_KEY    = random_password.own["secret_key"].result
    JWT_SECRET_KEY           = random_password.own["jwt_secret_key"].result
    LLMGATEWAY_METRICS_TOKEN = random_password.own["metrics_token"].result
    OPENAI_API_KEY           = ""
    ANTHROPIC_API_KEY        = ""
    STRIPE_SECRET_KEY        = ""
    STRIPE_WEBHOOK_SECRET    = ""
  })

  # Keys of providers and Stripe, and rotations are made in Secrets Manager, and stay.
  lifecycle {
    ignore_changes = [secret_string]
  }
}
