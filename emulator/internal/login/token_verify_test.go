package login

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const mlAudience = "https://ml.azure.com"

func tokenOf(t *testing.T, s *Service) string {
	t.Helper()
	_, body := ask(t, s, tokenURL, tokenForm(nil), nil)
	token, _ := body["access_token"].(string)
	if strings.Count(token, ".") != 2 {
		t.Fatalf("no token of three parts in the answer: %v", body["error_description"])
	}
	return token
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, nil)
	other, _ := newService(t, nil)
	token := tokenOf(t, s)
	head, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	forged := strings.NewReplacer(`"aud":"`+mlAudience, `"aud":"https://ml.example.com`).Replace(decode(t, payload))
	unsigned := encode(`{"alg":"none","typ":"JWT"}`) + "." + payload + "."

	for name, tt := range map[string]struct {
		header string
		want   Reason
		text   string
	}{
		"nothing":        {"", Missing, "the request has no Authorization header"},
		"blank":          {"   ", Missing, "the request has no Authorization header"},
		"only scheme":    {"Bearer ", Missing, "the Authorization header carries no bearer token"},
		"shared key":     {"SharedKey potteryshop:c2lnbmF0dXJl", Missing, "the Authorization header carries no bearer token"},
		"no token":       {"Bearer kiln", Malformed, "the bearer token is not a JSON web token"},
		"cut token":      {"Bearer " + head + "." + payload, Malformed, "the bearer token is not a JSON web token"},
		"changed":        {"Bearer " + head + "." + encode(forged) + "." + signature, Signature, "the bearer token was not signed by this token service"},
		"no algorithm":   {"Bearer " + unsigned, Signature, "the bearer token was not signed by this token service"},
		"other emulator": {"Bearer " + tokenOf(t, other), Signature, "the bearer token was not signed by this token service"},
	} {
		_, refusal := s.Verify(tt.header, mlAudience)
		if refusal == nil || refusal.Reason != tt.want {
			t.Errorf("%s: %+v, want reason %s", name, refusal, tt.want)
			continue
		}
		if refusal.Text != tt.text {
			t.Errorf("%s: text %q, want %q", name, refusal.Text, tt.text)
		}
	}
}

func TestVerifyTimeAndAudience(t *testing.T) {
	t.Parallel()
	s, c := newService(t, func(o *Options) { o.Lifetime = time.Hour })
	start := c.now
	header := "Bearer " + tokenOf(t, s)

	_, refusal := s.Verify(header, "https://management.azure.com", "https://ml.azure.com/")
	if refusal == nil || refusal.Reason != Audience || refusal.Claims.Audience != mlAudience {
		t.Errorf("wrong audience: %+v", refusal)
	}
	if _, refusal := s.Verify(header); refusal == nil || refusal.Reason != Audience {
		t.Errorf("no audience accepted: %+v", refusal)
	}
	c.now = start.Add(time.Hour - time.Second)
	if _, refusal := s.Verify(header, mlAudience); refusal != nil {
		t.Errorf("a second before its end: %+v", refusal)
	}
	c.now = start.Add(time.Hour)
	_, refusal = s.Verify(header, "https://management.azure.com")
	if refusal == nil || refusal.Reason != Expired || refusal.Claims.ObjectID != objectID {
		t.Errorf("at its end: %+v", refusal)
	}
	c.now = start.Add(-time.Minute)
	if _, refusal := s.Verify(header, mlAudience); refusal == nil || refusal.Reason != Expired {
		t.Errorf("before its beginning: %+v", refusal)
	}
}

// Azure's Python SDK reads aud, tid, oid and exp of the token itself.
func TestTokenPayload(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, nil)
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(tokenOf(t, s), claims); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"aud": mlAudience, "tid": tenant, "oid": objectID, "sub": objectID, "appid": clientID, "appidacr": "1", "idtyp": "app", "ver": "1.0",
		"iss": "https://sts.windows.net/" + tenant + "/", "iat": 1772600767.0, "nbf": 1772600767.0, "exp": 1772687166.0,
	} {
		if claims[name] != want {
			t.Errorf("claim %s = %v, want %v", name, claims[name], want)
		}
	}
}

func TestPublishedKeyChecksTokens(t *testing.T) {
	t.Parallel()
	s, c := newService(t, nil)
	token := tokenOf(t, s)
	_, body := ask(t, s, "https://login.microsoftonline.com/"+tenant+"/discovery/v2.0/keys", nil, nil)
	key, _ := body["keys"].([]any)[0].(map[string]any)
	n, e := key["n"].(string), key["e"].(string)
	public := &rsa.PublicKey{N: new(big.Int).SetBytes([]byte(decode(t, n))), E: int(new(big.Int).SetBytes([]byte(decode(t, e))).Int64())}
	parsed, err := jwt.NewParser(jwt.WithTimeFunc(c.Now)).Parse(token, func(t *jwt.Token) (any, error) { return public, nil })
	if err != nil || parsed.Header["kid"] != key["kid"] {
		t.Errorf("token of key %v under published key %v: %v", parsed.Header["kid"], key["kid"], err)
	}
}

// With a key of its own a service accepts the tokens of its former run.
func TestKeySurvives(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := newService(t, func(o *Options) { o.Key = key })
	after, _ := newService(t, func(o *Options) { o.Key = key })
	if _, refusal := after.Verify("Bearer "+tokenOf(t, before), mlAudience); refusal != nil {
		t.Errorf("token of the former run: %+v", refusal)
	}
}

func TestFederatedToken(t *testing.T) {
	t.Parallel()
	s, c := newService(t, nil)
	good, err := s.FederatedToken(clientID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.FederatedToken(objectID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	exchange := func(assertion string) (int, any) {
		form := tokenForm(url.Values{"client_secret": nil, "client_assertion": {assertion}, "client_assertion_type": {assertionType}, "client_info": {"1"}})
		resp, body := ask(t, s, tokenURL, form, nil)
		codes, _ := body["error_codes"].([]any)
		if len(codes) == 0 {
			return resp.StatusCode, nil
		}
		return resp.StatusCode, codes[0]
	}
	for name, tt := range map[string]struct {
		assertion string
		status    int
		number    any
	}{
		"good":               {good, 200, nil},
		"of another app":     {other, 401, 700211.0},
		"an access token":    {tokenOf(t, s), 401, 700211.0},
		"of someone else":    {encode(`{"alg":"none"}`) + "." + encode(`{}`) + ".", 401, 700211.0},
		"not a token at all": {"kiln", 401, 50027.0},
	} {
		if status, number := exchange(tt.assertion); status != tt.status || number != tt.number {
			t.Errorf("%s: status %d, AADSTS %v; want %d, %v", name, status, number, tt.status, tt.number)
		}
	}
	c.now = c.now.Add(2 * time.Hour)
	if status, number := exchange(good); status != 401 || number != 700024.0 {
		t.Errorf("expired: status %d, AADSTS %v", status, number)
	}
	if _, refusal := s.Verify("Bearer "+good, exchangeAudience); refusal == nil {
		t.Error("an expired federated token passes as an access token")
	}
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func decode(t *testing.T, s string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
