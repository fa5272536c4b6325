"""Azure Blob storage: the store, whose credentials reach it, and why it refuses."""
