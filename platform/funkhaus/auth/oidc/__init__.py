"""OpenID Connect towards identity providers; the only user of authlib and joserfc."""

from funkhaus.auth.oidc.configuration import ProviderSettings, parse
from funkhaus.auth.oidc.providers import OidcProviders

__all__ = ["OidcProviders", "ProviderSettings", "parse"]
