"""The soak: hours of work and mishaps, watched for what leaks, is lost or grows."""
