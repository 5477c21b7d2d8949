output "address" {
  description = "Where the domain's name must point."
  value       = aws_lb.main.dns_name
}

output "secret" {
  description = "Where provider keys are entered."
  value       = aws_secretsmanager_secret.main.name
}

output "migrate" {
  description = "Run once at the beginning, and before each upgrade."
  value = join(" ", [
    "aws ecs run-task --cluster ${aws_ecs_cluster.main.name} --launch-type FARGATE --region ${var.region}",
    "--task-definition ${aws_ecs_task_definition.role["migrate"].family}",
    "--network-configuration 'awsvpcConfiguration={subnets=[${join(",", aws_subnet.private[*].id)}],securityGroups=[${aws_security_group.gateway.id}]}'",
  ])
}
