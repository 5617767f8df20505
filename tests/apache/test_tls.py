"""SSL_ settings whose files do not fit are refused before Apache sees them."""

import os

import pytest
import trustme

from httpdapy.apache.errors import ConfigError
from httpdapy.apache.tls import tls


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def files(authority, tmp_path):
    """Settings with a certificate and its key."""
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    return {
        "SSL_CERTIFICATE": str(tmp_path / "certificate.pem"),
        "SSL_CERTIFICATE_KEY": str(tmp_path / "key.pem"),
    }


def test_files_that_fit(files):
    lines = tls(files)
    assert "SSLEngine On" in lines
    assert f'SSLCertificateKeyFile "{files["SSL_CERTIFICATE_KEY"]}"' in lines
    assert tls({}) == []


def test_the_peer_is_verified_unless_told_not_to(files):
    assert "SSLVerifyClient optional" in tls(files)
    assert not any("Verify" in line for line in tls({**files, "SSL_VERIFY_PEER": False}))


@pytest.mark.parametrize("name", ["SSL_CERTIFICATE", "SSL_CERTIFICATE_KEY", "SSL_DH_PARAMS"])
def test_a_missing_file(files, tmp_path, name):
    missing = tmp_path / "missing.pem"
    said = f"the setting {name}: {missing} cannot be read .No such file or directory.; name"
    with pytest.raises(ConfigError, match=said):
        tls({**files, name: str(missing)})


def test_a_key_of_another_certificate(authority, files, tmp_path):
    authority.issue_cert("other").private_key_pem.write_to_path(tmp_path / "key.pem")
    with pytest.raises(ConfigError, match=r"SSL_CERTIFICATE_KEY, .*key.pem, are no certificate"):
        tls(files)


def test_an_encrypted_key(files, tmp_path):
    plain, key = tmp_path / "key.pem", tmp_path / "encrypted.pem"
    os.system(f"openssl pkey -in {plain} -out {key} -aes128 -passout pass:x")
    with pytest.raises(ConfigError, match="the key is encrypted; store it without a password"):
        tls({**files, "SSL_CERTIFICATE_KEY": str(key)})


def test_no_dh_parameters(files):
    with pytest.raises(ConfigError, match=r"SSL_DH_PARAMS: .*key.pem holds no Diffie-Hellman"):
        tls({**files, "SSL_DH_PARAMS": files["SSL_CERTIFICATE_KEY"]})


@pytest.mark.parametrize("name", ["SSL_CERTIFICATE_KEY", "SSL_DH_PARAMS"])
def test_no_certificate(files, name):
    with pytest.raises(ConfigError, match=f"the setting {name} is of no use without SSL_CERTIFICA"):
        tls({name: files["SSL_CERTIFICATE_KEY"]})
