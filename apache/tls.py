"""Apache configuration for ports that speak TLS, by their SSL_ settings."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .templates import quotable

CERTIFICATE, KEY, DH_PARAMS = "SSL_CERTIFICATE", "SSL_CERTIFICATE_KEY", "SSL_DH_PARAMS"


def tls(settings: Mapping[str, Any]) -> list[str]:
    """The lines for a port; none without a certificate.

    Raises ConfigError for files that do not fit.
    """
    _check(settings)
    if CERTIFICATE not in settings:
        return []
    certificate = quotable(Path(settings[CERTIFICATE]))
    lines = [
        "SSLEngine On",
        "SSLProtocol all -SSLv3 -TLSv1 -TLSv1.1",
        f'SSLCertificateFile "{certificate}"',
    ]
    if KEY in settings:
        lines.append(f'SSLCertificateKeyFile "{quotable(Path(settings[KEY]))}"')
    if DH_PARAMS in settings:
        file = quotable(Path(settings[DH_PARAMS]))
        lines.append(f'SSLOpenSSLConfCmd DHParameters "{file}"')
    if settings.get("SSL_VERIFY_PEER", True):
        # A client that has a certificate of somebody the system trusts may show it; of the many
        # names of those none is sent, as clients take that for a question.
        trusted = ssl.get_default_verify_paths()
        lines += ["SSLVerifyClient optional", f'SSLCADNRequestFile "{certificate}"']
        lines += [f'SSLCACertificateFile "{trusted.cafile}"'] if trusted.cafile else []
        lines += [f'SSLCACertificatePath "{trusted.capath}"'] if trusted.capath else []
    return lines


def _check(settings: Mapping[str, Any]) -> None:
    """Say what is wrong before Apache does, which says it to its log."""
    for name in (CERTIFICATE, KEY, DH_PARAMS):
        if name in settings:
            _check_readable(name, settings[name])
    if CERTIFICATE not in settings:
        for name in (KEY, DH_PARAMS):
            if name in settings:
                raise ConfigError(
                    f"the setting {name} is of no use without {CERTIFICATE}; give both"
                )
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings[CERTIFICATE], settings.get(KEY), _no_password)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the settings {CERTIFICATE}, {settings[CERTIFICATE]}, and {KEY}, "
            f"{settings.get(KEY, 'not given')}, are no certificate and its key (PEM): {error}"
        ) from None
    if DH_PARAMS in settings:
        try:
            context.load_dh_params(settings[DH_PARAMS])
        except OSError as error:
            raise ConfigError(
                f"the setting {DH_PARAMS}: {settings[DH_PARAMS]} holds no Diffie-Hellman "
                f"parameters in PEM format: {error}"
            ) from None


def _check_readable(name: str, file: str) -> None:
    try:
        with open(file, "rb"):  # noqa: PTH123 - only whether that works
            pass
    except OSError as error:
        raise ConfigError(
            f"the setting {name}: {file} cannot be read ({error.strerror}); name a file that "
            "whoever calls run() may read"
        ) from None


def _no_password() -> str:
    raise ValueError("the key is encrypted; store it without a password, readable only by you")
