package emulator

import (
	"net/http"
	"strings"
	"testing"
)

// TestEmulatorsThatNobodyMade: New returns no Emulator beside an error, and programs defer its Close.
func TestEmulatorsThatNobodyMade(t *testing.T) {
	for name, e := range map[string]*Emulator{"nil": nil, "zero": {}} {
		if err := e.Close(); err != nil {
			t.Errorf("%s: Close = %v", name, err)
		}
		_, client := e.Client(nil)
		_, deploy := e.Deploy(t.Context(), Script{}, nil)
		_, do := e.Do(new(http.Request))
		for call, err := range map[string]error{"Client": client, "Deploy": deploy, "Do": do} {
			if err == nil || !strings.Contains(err.Error(), "not made by New") {
				t.Errorf("%s: %s = %v", name, call, err)
			}
		}
	}
	for name, s := range map[string]*Server{"nil": nil, "zero": {}} {
		if err := s.Close(); err != nil {
			t.Errorf("%s server: Close = %v", name, err)
		}
	}
}

func TestNilArguments(t *testing.T) {
	e := NewTest(t, nil)
	for name, s := range map[string]Scorer{"nothing": nil, "a script": (*Script)(nil), "a model": (*MLFlowModel)(nil), "a func": Func(nil)} {
		if _, err := e.Deploy(t.Context(), s, nil); err == nil || !strings.Contains(err.Error(), "nil") {
			t.Errorf("Deploy of %s that is nil = %v", name, err)
		}
	}
	for name, r := range map[string]*http.Request{"nil": nil, "zero": {}} {
		if _, err := e.Do(r); err == nil {
			t.Errorf("a %s request is answered", name)
		}
	}
}
