variable "region" {
  type        = string
  description = "Where all of it runs."
  default     = "eu-central-1"
}

variable "name" {
  type        = string
  description = "The first part of every name."
  default     = "llmgateway"
}

variable "image" {
  type        = string
  description = "The image, by its digest or a tag that never moves."
}

variable "domain" {
  type        = string
  description = "How people and programs reach the gateway."
}

variable "certificate_arn" {
  type        = string
  description = "A certificate of ACM for the domain."
}

variable "replicas" {
  type        = number
  description = "Data replicas, each on a core of its own."
  default     = 2

  validation {
    condition     = var.replicas >= 2
    error_message = "Two or more, so that one can restart."
  }
}

variable "database_class" {
  type        = string
  description = "RDS instance class."
  default     = "db.t4g.medium"
}

variable "cache_class" {
  type        = string
  description = "ElastiCache node type."
  default     = "cache.t4g.small"
}

variable "migrated" {
  description = "false at the very first apply: no service starts before the task migrate has made the schema."
  type        = bool
  default     = true
}
