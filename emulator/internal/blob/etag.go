package blob

import (
	"fmt"
	"strings"
	"time"
)

// The service's ETags are the time of the change, in units of 100 ns since the year 1, in
// hexadecimal ("0x8DE8B61B9A99D1A" is 26 March 2026). These are the same.
const ticksAtUnixEpoch = 621355968000000000

func ticks(t time.Time) uint64 { return uint64(t.UnixNano()/100 + ticksAtUnixEpoch) }

// formatETag writes an ETag without quotes, as blob listings show it.
func formatETag(tag uint64) string { return fmt.Sprintf("0x%X", tag) }

// quoteETag writes an ETag as headers show it.
func quoteETag(tag uint64) string { return `"` + formatETag(tag) + `"` }

// sameETag compares an ETag of a condition header, quoted or not, with that of a blob.
func sameETag(header string, tag uint64) bool {
	return strings.Trim(strings.TrimSpace(header), `"`) == formatETag(tag)
}

// stamp returns the time of a change and a new ETag, greater than all earlier ones.
func (s *Service) stamp() (time.Time, uint64) {
	now := s.now().UTC()
	for {
		last := s.lastETag.Load()
		next := max(ticks(now), last+1)
		if s.lastETag.CompareAndSwap(last, next) {
			return now, next
		}
	}
}

// sawETag makes later ETags greater than one that is in use.
func (s *Service) sawETag(tag uint64) {
	if tag > s.lastETag.Load() {
		s.lastETag.Store(tag)
	}
}
