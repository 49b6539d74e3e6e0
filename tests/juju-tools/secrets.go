// SPDX-License-Identifier: GPL-3.0-only

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/juju/errors"
	"github.com/juju/juju/core/secrets"
	jujusecrets "github.com/juju/juju/secrets"
	"github.com/juju/juju/secrets/provider"
	"github.com/juju/names/v5"
)

// keeper is the controller's side of secrets: what an agent's code asks of it, out of the recorded model.
type keeper struct {
	*controller
	next   string   // the id that the next secret gets
	coming []string // those of the secrets after it
}

func moment(text string) *time.Time {
	when, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil
	}
	return &when
}

// mine tells whether this unit manages s: its own, and as the leader its application's.
func (k *keeper) mine(s *secret) bool {
	return s.Owner == names.NewUnitTag(k.me().Name).String() || s.Owner == "application-"+k.me().App && k.leads()
}

func (k *keeper) CreateSecretURIs(int) ([]*secrets.URI, error) {
	if len(k.coming) > 0 {
		k.next, k.coming = k.coming[0], k.coming[1:]
	}
	if k.next == "" {
		return []*secrets.URI{secrets.NewURI()}, nil
	}
	return []*secrets.URI{{ID: k.next}}, nil
}

func (k *keeper) SecretMetadata() ([]secrets.SecretMetadata, error) {
	out := []secrets.SecretMetadata{}
	for id, s := range k.model.Secrets {
		if !k.mine(s) {
			continue
		}
		latest := s.Revisions[strconv.Itoa(s.Latest)]
		sum, err := secrets.NewSecretValue(latest.Data).Checksum()
		if err != nil {
			return nil, err
		}
		md := secrets.SecretMetadata{
			URI: &secrets.URI{ID: id}, OwnerTag: s.Owner, Label: s.Label, Description: s.Description, RotatePolicy: secrets.RotatePolicy(s.Rotate),
			LatestRevision: s.Latest, LatestRevisionChecksum: sum, LatestExpireTime: moment(latest.Expire), NextRotateTime: moment(s.NextRotate),
		}
		for target, grant := range s.Access {
			md.Access = append(md.Access, secrets.AccessInfo{Target: target, Scope: grant["scope"], Role: secrets.SecretRole(grant["role"])})
		}
		out = append(out, md)
	}
	return out, nil
}

func (k *keeper) UnitOwnedSecretsAndRevisions(names.UnitTag) ([]secrets.SecretURIWithRevisions, error) {
	return nil, errNotHere
}

func (k *keeper) OwnedSecretRevisions(_ names.UnitTag, uri *secrets.URI) ([]int, error) {
	revisions := []int{}
	for key := range k.model.Secrets[uri.ID].Revisions {
		n, err := strconv.Atoi(key)
		if err != nil {
			return nil, err
		}
		revisions = append(revisions, n)
	}
	return revisions, nil
}

func (k *keeper) SecretRotated(string, int) error { return nil }

func (k *keeper) find(uri *secrets.URI, label string) (*secret, error) {
	if uri != nil {
		if s := k.model.Secrets[uri.ID]; s != nil {
			return s, nil
		}
		return nil, errors.NotFoundf("secret %q", uri.ID)
	}
	for _, s := range k.model.Secrets {
		if c := s.Consumers[k.me().Name]; c != nil && c.Label == label {
			return s, nil
		}
	}
	for _, s := range k.model.Secrets {
		if s.Label == label && (s.Owner == names.NewUnitTag(k.me().Name).String() || s.Owner == "application-"+k.me().App) {
			return s, nil
		}
	}
	return nil, errors.NotFoundf("consumer label %q", label)
}

func (k *keeper) mayRead(s *secret) bool {
	targets := []string{names.NewUnitTag(k.me().Name).String(), "application-" + k.me().App}
	for _, target := range targets {
		if s.Owner == target {
			return true
		}
		grant := s.Access[target]
		if grant == nil {
			continue
		}
		if !strings.HasPrefix(grant["scope"], "relation-") {
			return true
		}
		for _, r := range k.model.Relations {
			if names.NewRelationTag(r.key()).String() == grant["scope"] {
				return true
			}
		}
	}
	return false
}

func (k *keeper) GetContent(uri *secrets.URI, label string, refresh, peek bool) (secrets.SecretValue, error) {
	s, err := k.find(uri, label)
	if err != nil {
		return nil, err
	}
	if !k.mayRead(s) {
		return nil, errors.New("permission denied")
	}
	number := s.Latest
	if c := s.Consumers[k.me().Name]; c != nil && !refresh && !peek {
		number = c.Revision
	}
	revision := s.Revisions[strconv.Itoa(number)]
	if revision == nil {
		return nil, errors.NotFoundf("secret %q", s.ID)
	}
	return secrets.NewSecretValue(revision.Data), nil
}

func (k *keeper) GetRevisionContent(uri *secrets.URI, revision int) (secrets.SecretValue, error) {
	return nil, fmt.Errorf("nobody asks for revision %d of %s", revision, uri)
}

// SaveContent: the model's own keeping is the only backend, so contents stay in what is committed.
func (k *keeper) SaveContent(*secrets.URI, int, secrets.SecretValue) (secrets.ValueRef, error) {
	return secrets.ValueRef{}, errors.NotSupportedf("an external backend")
}

func (k *keeper) DeleteContent(uri *secrets.URI, _ int) error {
	return errors.NotFoundf("external content of %s", uri)
}

func (k *keeper) DeleteExternalContent(secrets.ValueRef) error { return nil }

func (k *keeper) GetBackend(*string, bool) (provider.SecretsBackend, string, error) {
	return nil, "", errNotHere
}

var _ jujusecrets.BackendsClient = (*keeper)(nil)
