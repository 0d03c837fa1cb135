package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
)

//go:embed assets
var assetFiles embed.FS

// assetServer serves style and script, which are no secret. A browser asks each time whether they have
// changed, because a newer program may answer at the same address.
func assetServer() http.Handler {
	server := http.FileServerFS(assetFiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if content, err := assetFiles.ReadFile(r.URL.Path); err == nil {
			hash := sha256.Sum256(content)
			w.Header().Set("ETag", `"`+hex.EncodeToString(hash[:8])+`"`)
			w.Header().Set("Cache-Control", "no-cache")
		}
		server.ServeHTTP(w, r)
	})
}
