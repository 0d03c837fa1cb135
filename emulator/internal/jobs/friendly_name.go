package jobs

import (
	"crypto/rand"
	"math/big"
)

// Friendly names are adjective_noun_8 characters, such as careful_bulb_plwyqfx0 (seen in
// azure-sdk-for-python recording test_batch_invoke, 2023).
var (
	adjectives = []string{
		"amber", "brave", "calm", "clever", "dusty", "eager", "frosty", "gentle", "honest", "icy", "jolly", "keen",
		"lively", "mellow", "nimble", "olive", "patient", "quiet", "rosy", "sleepy", "tidy", "upbeat", "vivid", "witty",
	}
	nouns = []string{
		"anchor", "barn", "candle", "drum", "engine", "feather", "garden", "hammer", "island", "jar", "kettle", "lamp",
		"meadow", "needle", "orchard", "pencil", "quilt", "river", "spoon", "tower", "umbrella", "valley", "wagon", "yard",
	}
)

const nameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789"

func friendlyName() string {
	tail := make([]byte, 8)
	for i := range tail {
		tail[i] = nameCharacters[randomBelow(len(nameCharacters))]
	}
	return adjectives[randomBelow(len(adjectives))] + "_" + nouns[randomBelow(len(nouns))] + "_" + string(tail)
}

func randomBelow(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return int(i.Int64())
}
