"""Certificates made at test time, with any validity: authorities, what they sign, and what they revoke."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Writes NAME.pem and NAME.key for itself and for each certificate into a directory."""

    def __init__(self, directory, name):
        self.directory, self.name, self.revoked = directory, name, []
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._write(name, self.key, self._builder(name, self.key, -DAY, 2 * DAY)
                    .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True))
        self.revocation_list = directory / f"{name}-revoked.pem"
        self._write_list()

    def _builder(self, name, key, begin, end):
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        return (x509.CertificateBuilder().subject_name(_name(name)).issuer_name(_name(self.name)).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now + begin).not_valid_after(now + end))

    def _write(self, name, key, builder):
        certificate = builder.sign(self.key, hashes.SHA256())
        (self.directory / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self.directory / f"{name}.key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return certificate

    def _write_list(self):
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        builder = x509.CertificateRevocationListBuilder().issuer_name(_name(self.name)).last_update(now - DAY).next_update(now + DAY)
        for serial in self.revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - DAY).build())
        self.revocation_list.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, name, hosts=(), begin=-DAY, end=DAY, revoked=False):
        """A certificate for `hosts` (none: a client's), valid from now + begin to now + end."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(name, key, begin, end)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([self._alternative(host) for host in hosts]), critical=False)
        certificate = self._write(name, key, builder)
        if revoked:
            self.revoked.append(certificate.serial_number)
            self._write_list()

    @staticmethod
    def _alternative(host):
        try:
            return x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            return x509.DNSName(host)
