package emulator

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// TestCertificates: every host of every cloud and this machine have one that clients accept, and
// nobody else has.
func TestCertificates(t *testing.T) {
	for _, c := range cloud.All() {
		a, err := newAuthority(c, "")
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(a.cert)
		for _, host := range []string{
			c.LoginHosts[0], c.ManagementHost, c.BlobHost("kilns"), c.APIHost("eastus"), c.ScoringHost("vases", "eastus"), "localhost", "127.0.0.1", "::1",
		} {
			name := host
			if net.ParseIP(host) != nil {
				name = "" // clients name no address
			}
			cert, err := a.certificate(&tls.ClientHelloInfo{ServerName: name})
			if err != nil {
				t.Errorf("%s: %v", host, err)
				continue
			}
			if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
		var unknown *UnknownHostError
		if _, err := a.certificate(&tls.ClientHelloInfo{ServerName: "example.com"}); !errors.As(err, &unknown) {
			t.Errorf("example.com: %v, want an *UnknownHostError", err)
		}
		// Whoever trusts the authority does not trust it with the rest of the internet.
		forged, err := a.issue("example.com")
		if err != nil {
			t.Fatal(err)
		}
		var invalid x509.CertificateInvalidError
		if _, err := forged.Leaf.Verify(x509.VerifyOptions{DNSName: "example.com", Roots: roots}); !errors.As(err, &invalid) || invalid.Reason != x509.CANotAuthorizedForThisName {
			t.Errorf("a certificate for example.com: %v, want one beyond the name constraints", err)
		}
	}
}

// TestLifetimes: those of the authority and of a host's certificate, and when the latter is
// replaced.
func TestLifetimes(t *testing.T) {
	a, err := newAuthority(cloud.Public(), "")
	if err != nil {
		t.Fatal(err)
	}
	lasts := func(cert *x509.Certificate, want time.Duration) {
		t.Helper()
		if got := time.Until(cert.NotAfter); got > want || got < want-time.Minute || time.Since(cert.NotBefore) < 59*time.Minute {
			t.Errorf("%s is good from %s for %s, want an hour ago and %s", cert.Subject, cert.NotBefore, got, want)
		}
	}
	lasts(a.cert, 10*365*24*time.Hour)
	hello := &tls.ClientHelloInfo{ServerName: "management.azure.com"}
	first, err := a.certificate(hello)
	if err != nil {
		t.Fatal(err)
	}
	lasts(first.Leaf, 7*24*time.Hour)
	if again, err := a.certificate(hello); err != nil || again != first {
		t.Errorf("a second certificate was made: %v", err)
	}
	for left, kept := range map[time.Duration]bool{25 * time.Hour: true, 23 * time.Hour: false} {
		aged := *first
		leaf := *first.Leaf
		leaf.NotAfter = time.Now().Add(left)
		aged.Leaf = &leaf
		a.issued["management.azure.com"] = &aged
		if got, err := a.certificate(hello); err != nil || (got == &aged) != kept {
			t.Errorf("a certificate with %s left is used: %v, want %v; %v", left, got == &aged, kept, err)
		}
	}
}
