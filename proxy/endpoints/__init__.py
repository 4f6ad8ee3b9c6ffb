"""OpenAI's endpoints, and those beyond them."""
