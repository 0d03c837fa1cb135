package emulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"sync"
	"time"

	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

const (
	caLifetime   = 10 * 365 * 24 * time.Hour
	leafLifetime = 7 * 24 * time.Hour
	leafMargin   = 24 * time.Hour // a certificate that expires sooner is replaced
)

// authority is the emulator's certificate authority. Its name constraints limit it to the cloud's
// host names and this machine, so a client that trusts it does not trust it for the rest of the
// internet. Certificates use the real clock, because clients do.
type authority struct {
	cloud cloud.Cloud
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey // of the authority
	leaf  *ecdsa.PrivateKey // of all hosts

	mu     sync.Mutex
	issued map[string]*tls.Certificate // by host name; "" is this machine
}

// newAuthority loads the authority in dir, or creates one.
func newAuthority(c cloud.Cloud, dir string) (*authority, error) {
	a := &authority{cloud: c, issued: map[string]*tls.Certificate{}}
	der, err := loadOrCreatePEM(dir, "ca-key.pem", "EC PRIVATE KEY", func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return x509.MarshalECPrivateKey(key)
	})
	if err != nil {
		return nil, err
	}
	if a.key, err = x509.ParseECPrivateKey(der); err != nil {
		return nil, fmt.Errorf("emulator: %s holds no EC key; remove the file, and a new key is created", filepath.Join(dir, "ca-key.pem"))
	}
	if a.leaf, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	der, err = loadOrCreatePEM(dir, "ca-"+c.Name+".pem", "CERTIFICATE", a.selfSign)
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("emulator: %s holds no certificate; remove the file, and a new one is created", filepath.Join(dir, "ca-"+c.Name+".pem"))
	}
	if !a.key.PublicKey.Equal(a.cert.PublicKey) {
		return nil, fmt.Errorf("emulator: %s is not the certificate of the key in ca-key.pem; remove the file, and a new one is created", filepath.Join(dir, "ca-"+c.Name+".pem"))
	}
	return a, nil
}

func (a *authority) selfSign() ([]byte, error) {
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&a.key.PublicKey)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(public)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"azmlbatch emulator"}, CommonName: "azmlbatch emulator CA"},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(caLifetime),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true, MaxPathLenZero: true,
		SubjectKeyId:                id[:20],
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         append(a.cloud.Domains(), "localhost"),
		PermittedIPRanges:           loopbackRanges(),
	}
	return x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
}

func loopbackRanges() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
}

// pem returns the authority's certificate in the format of a CA file.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// trustStore returns the authority's certificate in the format that Java reads: PKCS #12, with the
// password that is Java's default.
func (a *authority) trustStore() ([]byte, error) {
	return pkcs12.Modern2023.EncodeTrustStore([]*x509.Certificate{a.cert}, pkcs12.DefaultPassword)
}

// certificate is a tls.Config.GetCertificate: it returns a certificate for the host that the client
// names. A client that names none gets that of this machine.
func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := cloud.HostName(hello.ServerName)
	if host == "localhost" {
		host = ""
	}
	if host != "" {
		if _, ok := a.cloud.Route(host); !ok {
			return nil, &UnknownHostError{Host: host}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if cert := a.issued[host]; cert != nil && time.Until(cert.Leaf.NotAfter) > leafMargin {
		return cert, nil
	}
	cert, err := a.issue(host)
	if err != nil {
		return nil, err
	}
	a.issued[host] = cert
	return cert, nil
}

// issue signs a certificate for a host; the empty host means this machine.
func (a *authority) issue(host string) (*tls.Certificate, error) {
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"azmlbatch emulator"}},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(leafLifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{host},
	}
	if host == "" {
		template.DNSNames = []string{"localhost"}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &a.leaf.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: a.leaf, Leaf: leaf}, nil
}

func serialNumber() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}
