# The archive's bucket on AWS: private, encrypted, versioned, with the least that the services need. terraform apply -var bucket=…
terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.70"
    }
  }
}

variable "bucket" {
  type        = string
  description = "The bucket's name: S3__BUCKET of the services."
}

variable "infrequent_after_days" {
  type        = number
  default     = 60
  description = "Objects move to a cheaper class; replays still read them at once."
}

resource "aws_s3_bucket" "archive" {
  bucket = var.bucket
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket                  = aws_s3_bucket.archive.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm = "aws:kms"
    }
  }
}

# A removed object can be brought back within the days below; nothing of the archive is ever overwritten.
resource "aws_s3_bucket_versioning" "archive" {
  bucket = aws_s3_bucket.archive.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  bucket     = aws_s3_bucket.archive.id
  depends_on = [aws_s3_bucket_versioning.archive]
  rule {
    id     = "cheaper-then-forgotten"
    status = "Enabled"
    filter {}
    transition {
      days          = var.infrequent_after_days
      storage_class = "STANDARD_IA"
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

data "aws_iam_policy_document" "writer" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.archive.arn]
  }
  statement {
    sid       = "CreateAndRead"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.archive.arn}/*"]
  }
}

data "aws_iam_policy_document" "reader" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.archive.arn]
  }
  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.archive.arn}/*"]
  }
}

# Whoever runs `tickplant maintain`: the only one that may remove.
data "aws_iam_policy_document" "keeper" {
  source_policy_documents = [data.aws_iam_policy_document.reader.json]
  statement {
    sid       = "Remove"
    actions   = ["s3:DeleteObject"]
    resources = ["${aws_s3_bucket.archive.arn}/*"]
  }
}

resource "aws_iam_policy" "writer" {
  name   = "${var.bucket}-writer"
  policy = data.aws_iam_policy_document.writer.json
}

resource "aws_iam_policy" "reader" {
  name   = "${var.bucket}-reader"
  policy = data.aws_iam_policy_document.reader.json
}

resource "aws_iam_policy" "keeper" {
  name   = "${var.bucket}-keeper"
  policy = data.aws_iam_policy_document.keeper.json
}

output "settings" {
  description = "The environment of the services; keys come from the role they run under."
  value = {
    S3__BUCKET = aws_s3_bucket.archive.id
    AWS_REGION = aws_s3_bucket.archive.region
  }
}
