package jobs

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

func TestSettings(t *testing.T) {
	full := store.Document{"properties": store.Document{
		"miniBatchSize": json.Number("5"), "maxConcurrencyPerInstance": json.Number("2"), "errorThreshold": json.Number("7"),
		"resources":     store.Document{"instanceCount": json.Number("3")},
		"retrySettings": store.Document{"maxRetries": json.Number("1"), "timeout": "PT2M"},
		"loggingLevel":  "Debug", "outputAction": "SummaryOnly", "outputFileName": "shards.csv", "compute": "/c/one",
		"environmentVariables": store.Document{"GLAZE": "blue"},
	}}
	tests := map[string]struct {
		deployment store.Document
		overrides  Overrides
		want       settings
	}{
		"defaults": {store.Document{}, Overrides{}, settings{
			miniBatchSize: 10, instanceCount: 1, concurrency: 1, maxRetries: 3, timeout: 30 * time.Second, timeoutText: "PT30S",
			errorThreshold: -1, loggingLevel: "info", outputFileName: "predictions.csv", environment: map[string]string{},
		}},
		"deployment": {full, Overrides{}, settings{
			miniBatchSize: 5, instanceCount: 3, concurrency: 2, maxRetries: 1, timeout: 2 * time.Minute, timeoutText: "PT2M",
			errorThreshold: 7, loggingLevel: "debug", summaryOnly: true, outputFileName: "shards.csv", compute: "/c/one",
			environment: map[string]string{"GLAZE": "blue"},
		}},
		"overrides": {full, Overrides{
			MiniBatchSize: new(50), InstanceCount: new(4), MaxConcurrencyPerInstance: new(8), MaxRetries: new(0), Timeout: "PT1H",
			ErrorThreshold: new(0), LoggingLevel: "WARNING", OutputFileName: "own.csv", Compute: "/c/two",
		}, settings{
			miniBatchSize: 50, instanceCount: 4, concurrency: 8, maxRetries: 0, timeout: time.Hour, timeoutText: "PT1H",
			errorThreshold: 0, loggingLevel: "warning", summaryOnly: true, outputFileName: "own.csv", compute: "/c/two",
			environment: map[string]string{"GLAZE": "blue"},
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := settingsOf(test.deployment, test.overrides)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(settings{})); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSettingsRefuse(t *testing.T) {
	for want, overrides := range map[string]Overrides{
		"miniBatchSize":             {MiniBatchSize: new(0)},
		"instanceCount":             {InstanceCount: new(0)},
		"maxConcurrencyPerInstance": {MaxConcurrencyPerInstance: new(-1)},
		"maxRetries":                {MaxRetries: new(-1)},
		"errorThreshold":            {ErrorThreshold: new(-2)},
		"timeout":                   {Timeout: "30"},
		"loggingLevel":              {LoggingLevel: "loud"},
	} {
		if _, err := settingsOf(store.Document{}, overrides); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("settingsOf(%+v) = %v, want an error about %s", overrides, err, want)
		}
	}
}
