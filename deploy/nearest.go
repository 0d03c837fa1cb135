package deploy

import (
	"strings"

	"github.com/hbollon/go-edlib"
)

// nearest is the candidate that was probably meant by a word: one that differs in case or in few
// letters, or the only one that begins with it; empty if there is none.
func nearest(word string, candidates []string) string {
	least := max(len(word)/3, 2) + 1
	if len(word) < 4 {
		least = 2
	}
	best := ""
	for _, candidate := range candidates {
		if d := edlib.OSADamerauLevenshteinDistance(strings.ToLower(word), strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	if best != "" || len(word) < 3 {
		return best
	}
	for _, candidate := range candidates {
		if strings.HasPrefix(strings.ToLower(candidate), strings.ToLower(word)) {
			if best != "" {
				return ""
			}
			best = candidate
		}
	}
	return best
}
