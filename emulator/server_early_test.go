package emulator

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// TestAnEarlyRefusalReachesAClientThatSendsFirst: many clients, Python's among them, send all of a
// request before they read the answer. A server that closes the connection in between answers
// nobody.
func TestAnEarlyRefusalReachesAClientThatSendsFirst(t *testing.T) {
	s := startServer(t, nil)
	e := s.Emulator()
	token, err := e.Credential().GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	account := e.Workspaces()[0].StorageAccount + ".blob.core.windows.net"
	conn := tlsConn(t, s, account)
	const size = 9 << 20
	if _, err := fmt.Fprintf(conn, "PUT /nowhere/glaze HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nX-Ms-Version: 2024-08-04\r\n"+
		"X-Ms-Blob-Type: BlockBlob\r\nContent-Length: %d\r\n\r\n", account, token.Token, size); err != nil {
		t.Fatal(err)
	}
	for sent := 0; sent < size; sent += 1 << 20 {
		if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
			t.Fatalf("after %d bytes: %v", sent, err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("X-Ms-Error-Code"); resp.StatusCode != http.StatusNotFound || got != "ContainerNotFound" {
		t.Errorf("%s %s, want 404 ContainerNotFound", resp.Status, got)
	}
}

// tlsConn connects to the server as the host.
func tlsConn(t *testing.T, s *Server, host string) *tls.Conn {
	t.Helper()
	pem, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12}}).DialContext(t.Context(), "tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*tls.Conn)
}
