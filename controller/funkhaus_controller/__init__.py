"""The controller: Functions, HTTPTriggers and TenantNamespaces become what they ask for, and stay that way."""
