package azmlbatch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
)

// hidden stands for what nobody may see.
const hidden = "T0PSECRET"

// secretForms are the forms in which secrets come: callers paste them where a name or a path is asked for.
var secretForms = []string{
	"https://acc.blob.core.windows.net/con/b?sv=1&sig=" + hidden + "%3D&se=2",
	"acc.blob.core.windows.net/con/b?sv=1&sig=" + hidden,
	"?sv=1&sig=" + hidden,
	"sv%3D1%26sig%3D" + hidden,
	"DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=" + hidden + ";EndpointSuffix=core.windows.net",
	"BlobEndpoint=https://acc.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=" + hidden,
	"SharedAccessKey=" + hidden,
	hidden + strings.Repeat("k", 77) + "==",
	"Bearer " + hidden,
	"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0." + hidden,
	"client_secret=" + hidden,
	"azureml://datastores/workspaceblobstore/paths/p?sig=" + hidden,
	"wasbs://con@acc.blob.core.windows.net/p?sv=1&sig=" + hidden,
	"https://user:" + hidden + "@acc.blob.core.windows.net/con/b",
}

// planter puts a secret in the place of one string of a call's arguments, of those that are empty or not there too.
type planter struct {
	secret  string
	at      int // which one
	passed  int // strings gone by
	planted bool
}

// plant returns a copy of v with the secret in it if the string to replace is in v.
func (p *planter) plant(v reflect.Value, depth int) reflect.Value {
	if p.planted || depth > 5 {
		return v
	}
	switch v.Kind() {
	case reflect.String:
		p.passed++
		if p.passed-1 != p.at {
			return v
		}
		p.planted = true
		return reflect.ValueOf(p.secret).Convert(v.Type())
	case reflect.Struct:
		return p.plantFields(v, depth)
	case reflect.Pointer:
		return p.plantPointer(v, depth)
	case reflect.Interface:
		if v.IsNil() || !ours(v.Elem().Type()) {
			return v
		}
		return p.boxed(v.Type(), p.plant(v.Elem(), depth+1), v)
	case reflect.Slice:
		return p.plantSlice(v, depth)
	case reflect.Map:
		return p.plantMap(v, depth)
	}
	return v
}

func ours(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == reflect.TypeFor[Client]().PkgPath() && t != reflect.TypeFor[Client]()
}

func (p *planter) boxed(t reflect.Type, v, otherwise reflect.Value) reflect.Value {
	if !p.planted {
		return otherwise
	}
	box := reflect.New(t).Elem()
	box.Set(v)
	return box
}

func (p *planter) plantFields(v reflect.Value, depth int) reflect.Value {
	planted := reflect.New(v.Type()).Elem()
	planted.Set(v)
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			planted.Field(i).Set(p.plant(v.Field(i), depth+1))
		}
	}
	return planted
}

func (p *planter) plantPointer(v reflect.Value, depth int) reflect.Value {
	to := v.Type().Elem()
	if !ours(to) && to.Kind() != reflect.String {
		return v
	}
	from := reflect.Zero(to)
	if !v.IsNil() {
		from = v.Elem()
	}
	to2 := p.plant(from, depth+1)
	if !p.planted {
		return v
	}
	pointer := reflect.New(to)
	pointer.Elem().Set(to2)
	return pointer
}

func (p *planter) plantSlice(v reflect.Value, depth int) reflect.Value {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return v
	}
	if v.Len() == 0 {
		one := p.plant(reflect.Zero(v.Type().Elem()), depth+1)
		if !p.planted {
			return v
		}
		return reflect.Append(v, one)
	}
	planted := reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v)
	for i := range v.Len() {
		planted.Index(i).Set(p.plant(v.Index(i), depth+1))
	}
	return planted
}

func (p *planter) plantMap(v reflect.Value, depth int) reflect.Value {
	if v.Type().Key().Kind() != reflect.String {
		return v
	}
	planted := reflect.MakeMap(v.Type())
	value := reflect.Zero(v.Type().Elem())
	for _, key := range v.MapKeys() {
		value = v.MapIndex(key)
		planted.SetMapIndex(key, p.plant(value, depth+1))
	}
	if v.Len() == 0 {
		planted.SetMapIndex(reflect.ValueOf("k").Convert(v.Type().Key()), p.plant(value, depth+1))
	}
	if !p.planted {
		planted.SetMapIndex(p.plant(reflect.ValueOf("key").Convert(v.Type().Key()), depth+1), value)
	}
	if !p.planted {
		return v
	}
	return planted
}

// plantIn replaces one string of the call's arguments.
func (p *planter) plantIn(e exportedCall) exportedCall {
	var args []any
	for _, v := range e.arguments() {
		if many, ok := v.Interface().(iter.Seq[Invocation]); ok {
			v = p.plant(reflect.ValueOf(slices.Collect(many)), 0)
			args = append(args, slices.Values(v.Interface().([]Invocation)))
			continue
		}
		args = append(args, p.plant(v, 0).Interface())
	}
	return exportedCall{e.name, e.call, args}
}

// echo refuses everything in the words of the caller, as services do that name the value they do not like.
func echo(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Host, ".blob.") {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	body, _ := io.ReadAll(r.Body)
	text, _ := json.Marshal(fmt.Sprintf("cannot read %s %s", r.URL, body))
	writeJSON(w, 400, `{"error":{"code":"UserError","message":`+string(text)+`}}`)
}

// TestSecretsOfEveryExportedCall puts a secret in the place of each string that can be given to a call, and looks for it in
// the errors, in the log of this package and in that of azcore.
func TestSecretsOfEveryExportedCall(t *testing.T) {
	var logged bytes.Buffer
	log.SetListener(func(_ log.Event, text string) { logged.WriteString(text) })
	defer log.SetListener(nil)
	logger := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	services := map[string]http.HandlerFunc{"refusing": echo, "whole": wholeService}
	paths := newCallPaths(t)
	for i, e := range exportedCalls(newTestClient(t, http.NotFound), paths) {
		t.Chdir(t.TempDir()) // where downloads to such folders go: the next call must not find them
		for at, more := 0, true; more; at++ {
			for j, form := range secretForms {
				if at > 3 && j != at%len(secretForms) { // beyond names and paths each place gets one form
					continue
				}
				for service, handler := range services {
					logged.Reset()
					c := newTestClient(t, handler, func(o *ClientOptions) { o.Retry.MaxRetries, o.Logger = -1, logger })
					p := &planter{secret: form, at: at}
					call := p.plantIn(exportedCalls(c, paths)[i])
					if more = p.planted; !more {
						break
					}
					text := fmt.Sprint(ended(t.Context(), call))
					if strings.Contains(text, hidden) {
						t.Errorf("%s, string %d, %s service: the error shows the secret:\n%s", e.name, at, service, text)
					}
					if at := strings.Index(logged.String(), hidden); at >= 0 {
						t.Errorf("%s, string %d, %s service: the log shows the secret:\n%s", e.name, at, service, logged.String()[max(0, at-300):min(at+100, logged.Len())])
					}
				}
			}
		}
	}
}

// ended is the error of a call, of which nothing may be left over when it panics.
func ended(ctx context.Context, e exportedCall) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s panics: %v", e.name, r)
		}
	}()
	return e.run(ctx)
}
