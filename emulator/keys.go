package emulator

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2/maybe"
)

// keys are the secrets that must be the same after a restart: what clients keep (tokens, the secret
// in an environment file) stays good.
type keys struct {
	clientSecret string
	signing      *rsa.PrivateKey // of tokens; nil means one that lives in memory
}

// loadKeys reads the keys in dir, and makes those that are missing. An empty dir makes keys that
// nobody keeps.
func loadKeys(dir string) (keys, error) {
	if dir == "" {
		return keys{clientSecret: rand.Text()}, nil
	}
	secret, err := loadOrCreateSecret(dir, "client-secret", func() ([]byte, error) { return []byte(rand.Text()), nil })
	if err != nil {
		return keys{}, err
	}
	if secret = bytes.TrimSpace(secret); len(secret) == 0 {
		return keys{}, fmt.Errorf("emulator: %s holds no secret; remove it to have one made", filepath.Join(dir, "client-secret"))
	}
	der, err := loadOrCreatePEM(dir, "token-key.pem", "PRIVATE KEY", func() ([]byte, error) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(key)
	})
	if err != nil {
		return keys{}, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	signing, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return keys{}, fmt.Errorf("emulator: %s holds no RSA key; remove it to have one made", filepath.Join(dir, "token-key.pem"))
	}
	return keys{clientSecret: string(secret), signing: signing}, nil
}

// loadOrCreatePEM is loadOrCreateSecret for one PEM block.
func loadOrCreatePEM(dir, name, kind string, fresh func() ([]byte, error)) ([]byte, error) {
	data, err := loadOrCreateSecret(dir, name, func() ([]byte, error) {
		der, err := fresh()
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), err
	})
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("emulator: %s holds no %s; remove it to have one made", filepath.Join(dir, name), kind)
	}
	return block.Bytes, nil
}

// loadOrCreateSecret returns the content of a file in dir that only its owner can read, making file
// and folder when they are missing. With an empty dir the content is always fresh.
func loadOrCreateSecret(dir, name string, fresh func() ([]byte, error)) ([]byte, error) {
	if dir == "" {
		return fresh()
	}
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = fresh(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	return data, maybe.WriteFile(path, data, 0o600)
}
