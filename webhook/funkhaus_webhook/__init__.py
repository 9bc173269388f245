"""The admission webhook: kube-apiserver asks it about every Function and HTTPTrigger of a tenant before storing it."""
