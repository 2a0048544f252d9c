"""What has to be found in evidence, and what looks like it and must stay. Tokens are put together when tests run."""
