"""Amazon Bedrock: Converse, and InvokeModel for Claude."""
