"""The Pulumi program that puts Deltaline on AWS. It imports nothing from ``app``."""
