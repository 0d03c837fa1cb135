package arm

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/google/uuid"
)

// randomText returns n random bytes as base64, the form of keys.
func randomText(n int) string {
	random := make([]byte, n)
	_, _ = rand.Read(random) // never fails
	return base64.StdEncoding.EncodeToString(random)
}

// randomName is n lower-case letters and digits.
func randomName(n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz012345" // 32, so that no letter is favoured
	random := make([]byte, n)
	_, _ = rand.Read(random) // never fails
	for i, b := range random {
		random[i] = alphabet[b%byte(len(alphabet))]
	}
	return string(random)
}

// hexID is n random hexadecimal digits, n at most 32.
func hexID(n int) string { return strings.ReplaceAll(uuid.NewString(), "-", "")[:n] }
