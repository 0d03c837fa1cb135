package emulator

import (
	"io"
	"net/http"
	"time"
)

// Bounds of what is read of a request whose answer was given before its end.
const (
	restBytes = 256 << 20
	restTime  = 30 * time.Second
)

// readToEnd reads the rest of a request after its answer, within bounds. Many clients send all of a
// request before they read the answer; net/http closes the connection of those that have much left,
// and they never see why they were refused.
func readToEnd(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if r.ContentLength == 0 || r.Header.Get("Expect") != "" { // who expects 100 Continue has read the answer, and sends no more
			return
		}
		connection := http.NewResponseController(w)
		_ = connection.Flush() // for those who read meanwhile; what cannot be sent or read has no one to tell
		_ = connection.SetReadDeadline(time.Now().Add(restTime))
		_, _ = io.CopyN(io.Discard, r.Body, restBytes)
	})
}
