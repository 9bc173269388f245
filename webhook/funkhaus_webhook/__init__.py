"""The admission webhook: kube-apiserver asks it about every Function and trigger of a tenant before storing it."""
