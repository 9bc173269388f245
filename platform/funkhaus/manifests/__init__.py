"""Domain values to Kubernetes objects, without IO. Every builder is named for what it returns; golden files judge them."""
