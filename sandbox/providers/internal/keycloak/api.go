// Package keycloak does in a Keycloak server, through its admin API, what the resources of keycloak/keycloak say. It
// takes typed values and gives what the server has; it knows nothing of Terraform's protocol.
package keycloak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// api is Keycloak's admin API: https://www.keycloak.org/docs-api/latest/rest-api/index.html
type api struct {
	admin       string // base of the admin API
	token       string // where tokens are issued
	credentials url.Values
	http        *http.Client

	mutex   sync.Mutex
	bearer  string
	expires time.Time
}

// representation is a JSON object of the admin API.
type representation = map[string]any

// fault is an answer of the server that is no success.
type fault struct {
	status  int
	request string
	message string
}

func (f *fault) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("%s: %d %s: %s", f.request, f.status, http.StatusText(f.status), f.message), ": ")
}

// gone tells that the object is not there.
func gone(err error) bool {
	var f *fault
	return errors.As(err, &f) && f.status == http.StatusNotFound
}

// ignoreGone makes the removal of what is already gone a success.
func ignoreGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}

func (a *api) get(ctx context.Context, path string, into any) error {
	_, err := a.call(ctx, http.MethodGet, path, nil, into)
	return err
}

func (a *api) put(ctx context.Context, path string, body any) error {
	_, err := a.call(ctx, http.MethodPut, path, body, nil)
	return err
}

func (a *api) delete(ctx context.Context, path string, body any) error {
	_, err := a.call(ctx, http.MethodDelete, path, body, nil)
	return err
}

// post gives the id of what was made: the last part of the Location header.
func (a *api) post(ctx context.Context, path string, body any) (string, error) {
	location, err := a.call(ctx, http.MethodPost, path, body, nil)
	return location[strings.LastIndex(location, "/")+1:], err
}

// call makes one request; again with a new token where the old one was refused, and again where the server was not ready.
func (a *api) call(ctx context.Context, method, path string, body, into any) (string, error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	if body == nil {
		payload = nil
	}
	const attempts = 4
	for attempt := 1; ; attempt++ {
		location, err := a.once(ctx, method, path, payload, into)
		if err == nil || attempt == attempts || !a.again(err) {
			return location, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Duration(attempt*attempt) * 250 * time.Millisecond):
		}
	}
}

func (a *api) again(err error) bool {
	var f *fault
	if !errors.As(err, &f) {
		return false
	}
	switch f.status {
	case http.StatusUnauthorized:
		a.forgetToken()
		return true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func (a *api) once(ctx context.Context, method, path string, payload []byte, into any) (string, error) {
	bearer, err := a.signIn(ctx)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, method, a.admin+path, bytes.NewReader(payload))
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+bearer)
	if payload != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return a.send(request, into)
}

func (a *api) send(request *http.Request, into any) (string, error) {
	response, err := a.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return "", &fault{response.StatusCode, request.Method + " " + request.URL.Path, messageOf(text)}
	}
	if into != nil {
		err = json.Unmarshal(text, into)
	}
	return response.Header.Get("Location"), err
}

// messageOf takes from an error's body only the fields that Keycloak writes for people: never an echo of the request.
func messageOf(text []byte) string {
	var body struct {
		Message     string `json:"errorMessage"`
		Description string `json:"error_description"`
		Error       string `json:"error"`
	}
	_ = json.Unmarshal(text, &body)
	for _, message := range []string{body.Message, body.Description, body.Error} {
		if message != "" {
			return message
		}
	}
	return ""
}

func (a *api) forgetToken() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.expires = time.Time{}
}

// signIn gives a token that is good for some seconds yet.
func (a *api) signIn(ctx context.Context) (string, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if time.Now().Before(a.expires) {
		return a.bearer, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.token, strings.NewReader(a.credentials.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var grant struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if _, err := a.send(request, &grant); err != nil {
		return "", fmt.Errorf("failed to sign in to Keycloak: %w", err)
	}
	const margin = 10 * time.Second
	a.bearer, a.expires = grant.AccessToken, time.Now().Add(time.Duration(grant.ExpiresIn)*time.Second-margin)
	return a.bearer, nil
}

// at gives a path of the admin API in a realm, with each part escaped.
func at(realm string, parts ...string) string {
	path := "/realms/" + url.PathEscape(realm)
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// query gives the query string of names and values in turn.
func query(pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values.Encode()
}
