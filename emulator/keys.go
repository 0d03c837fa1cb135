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

// keys are the secrets that stay the same across restarts, so that the tokens and the environment
// file of a client remain valid.
type keys struct {
	clientSecret string
	signing      *rsa.PrivateKey // signs tokens; nil means a key in memory only
}

// loadKeys reads the keys in dir and creates the missing ones. With an empty dir the keys are new
// and are not stored.
func loadKeys(dir string) (keys, error) {
	if dir == "" {
		return keys{clientSecret: rand.Text()}, nil
	}
	secret, err := loadOrCreateSecret(dir, "client-secret", func() ([]byte, error) { return []byte(rand.Text()), nil })
	if err != nil {
		return keys{}, err
	}
	if secret = bytes.TrimSpace(secret); len(secret) == 0 {
		return keys{}, fmt.Errorf("emulator: %s holds no secret; remove the file, and a new secret is created", filepath.Join(dir, "client-secret"))
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
		return keys{}, fmt.Errorf("emulator: %s holds no RSA key; remove the file, and a new key is created", filepath.Join(dir, "token-key.pem"))
	}
	return keys{clientSecret: string(secret), signing: signing}, nil
}

// loadOrCreatePEM is loadOrCreateSecret for a single PEM block.
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
		return nil, fmt.Errorf("emulator: %s holds no %s; remove the file, and a new one is created", filepath.Join(dir, name), kind)
	}
	return block.Bytes, nil
}

// loadOrCreateSecret returns the content of a file in dir that only its owner can read. It creates
// file and folder if they are missing. With an empty dir the content is always new.
func loadOrCreateSecret(dir, name string, fresh func() ([]byte, error)) ([]byte, error) {
	if dir == "" {
		return fresh()
	}
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	if err == nil {
		return data, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, dataFolderError(dir, err)
	}
	if data, err = fresh(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, dataFolderError(dir, err)
	}
	if err := maybe.WriteFile(path, data, 0o600); err != nil {
		return nil, dataFolderError(dir, err)
	}
	return data, nil
}
