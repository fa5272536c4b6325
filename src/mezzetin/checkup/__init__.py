"""What `mezzetin doctor` looks at: this machine, who it is in the cloud, and places that are to be read or written."""
