// SPDX-License-Identifier: GPL-3.0-only

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/juju/juju/rpc/params"
	"github.com/juju/names/v5"
)

// view is what the end of a hook can change, of one unit.
type view struct {
	Relations map[string]map[string]map[string]string // relation -> this unit or its application -> settings
	Ports     []string
	State     map[string]string
	Storage   map[string]int // name -> how many
	Secrets   map[string]kept
}

type kept struct {
	Owner, Label, Description, Rotate string
	Revisions                         []int
	Content                           map[string]string
	Access                            []string
}

func viewOf(m *model, name string) *view {
	me := m.Units[name]
	v := &view{Relations: map[string]map[string]map[string]string{}, State: me.State, Storage: map[string]int{}, Secrets: map[string]kept{}}
	for _, r := range m.Relations {
		v.Relations[r.key()] = map[string]map[string]string{}
		if b := r.Units[name]; b != nil {
			v.Relations[r.key()][name] = b.Settings
		}
		if b := r.Apps[me.App]; b != nil {
			v.Relations[r.key()][me.App] = b.Settings
		}
	}
	for _, p := range me.Ports {
		v.Ports = append(v.Ports, showPort(p.Endpoint, p.Protocol, p.First, p.Last))
	}
	for _, s := range m.Storage {
		if s.Unit == name {
			v.Storage[s.Name]++
		}
	}
	for id, s := range m.Secrets {
		k := kept{Owner: s.Owner, Label: s.Label, Description: s.Description, Rotate: s.Rotate}
		for number := range s.Revisions {
			if n, err := strconv.Atoi(number); err == nil {
				k.Revisions = append(k.Revisions, n)
			}
		}
		slices.Sort(k.Revisions)
		if latest := s.Revisions[strconv.Itoa(s.Latest)]; latest != nil {
			k.Content = latest.Data
		}
		for target, grant := range s.Access {
			k.Access = append(k.Access, target+" "+grant["role"])
		}
		v.Secrets[id] = k
	}
	return v
}

func showPort(endpoint, protocol string, first, last int) string {
	if protocol == "icmp" {
		return endpoint + " icmp"
	}
	return fmt.Sprintf("%s %d-%d/%s", endpoint, first, last, protocol)
}

// text is v in one spelling.
func (v *view) text() string {
	slices.Sort(v.Ports)
	if len(v.Ports) == 0 {
		v.Ports = nil
	}
	for id, k := range v.Secrets {
		slices.Sort(k.Access)
		if len(k.Access) == 0 {
			k.Access = nil
		}
		v.Secrets[id] = k
	}
	maps.DeleteFunc(v.Relations, func(_ string, bags map[string]map[string]string) bool {
		maps.DeleteFunc(bags, func(_ string, bag map[string]string) bool { return len(bag) == 0 })
		return len(bags) == 0
	})
	if len(v.State) == 0 {
		v.State = nil
	}
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// apply does to v what the controller does with change.
func (v *view) apply(change *params.CommitHookChangesArg, name, app string) {
	for _, settings := range change.RelationUnitSettings {
		tag, err := names.ParseRelationTag(settings.Relation)
		if err != nil {
			continue
		}
		bags := v.Relations[tag.Id()]
		if bags == nil {
			continue
		}
		bags[name] = merged(bags[name], settings.Settings)
		bags[app] = merged(bags[app], settings.ApplicationSettings)
	}
	for _, p := range change.OpenPorts {
		if shown := showPort(p.Endpoint, p.Protocol, p.FromPort, p.ToPort); !slices.Contains(v.Ports, shown) {
			v.Ports = append(v.Ports, shown)
		}
	}
	for _, p := range change.ClosePorts {
		shown := showPort(p.Endpoint, p.Protocol, p.FromPort, p.ToPort)
		v.Ports = slices.DeleteFunc(v.Ports, func(open string) bool {
			return open == shown || p.Endpoint == "" && strings.HasSuffix(open, shown)
		})
	}
	if change.SetUnitState != nil && change.SetUnitState.CharmState != nil {
		v.State = *change.SetUnitState.CharmState
	}
	for _, s := range change.AddStorage {
		v.Storage[s.StorageName] += int(*s.Constraints.Count)
	}
	v.applySecrets(change)
}

func merged(settings, changes map[string]string) map[string]string {
	out := maps.Clone(settings)
	if out == nil {
		out = map[string]string{}
	}
	for key, value := range changes {
		if value == "" {
			delete(out, key)
		} else {
			out[key] = value
		}
	}
	return out
}

func (k *kept) upsert(arg params.UpsertSecretArg) {
	if arg.Label != nil {
		k.Label = *arg.Label
	}
	if arg.Description != nil {
		k.Description = *arg.Description
	}
	if arg.RotatePolicy != nil {
		k.Rotate = string(*arg.RotatePolicy)
	}
	if len(arg.Content.Data) > 0 {
		k.Content = arg.Content.Data
		k.Revisions = append(k.Revisions, slices.Max(append(k.Revisions, 0))+1)
	}
}

func (v *view) applySecrets(change *params.CommitHookChangesArg) {
	id := func(uri string) string { return uri[strings.LastIndexAny(uri, ":/")+1:] }
	for _, arg := range change.SecretCreates {
		k := kept{Owner: arg.OwnerTag}
		k.upsert(arg.UpsertSecretArg)
		v.Secrets[id(*arg.URI)] = k
	}
	for _, arg := range change.SecretUpdates {
		k := v.Secrets[id(arg.URI)]
		k.upsert(arg.UpsertSecretArg)
		v.Secrets[id(arg.URI)] = k
	}
	access := func(args []params.GrantRevokeSecretArg, do func(k *kept, grant string)) {
		for _, arg := range args {
			k := v.Secrets[id(arg.URI)]
			for _, target := range arg.SubjectTags {
				do(&k, target+" "+arg.Role)
			}
			v.Secrets[id(arg.URI)] = k
		}
	}
	access(change.SecretGrants, func(k *kept, grant string) {
		if !slices.Contains(k.Access, grant) {
			k.Access = append(k.Access, grant)
		}
	})
	access(change.SecretRevokes, func(k *kept, grant string) {
		// Whatever the role, of which a revocation names none.
		target, _, _ := strings.Cut(grant, " ")
		k.Access = slices.DeleteFunc(k.Access, func(g string) bool { return strings.HasPrefix(g, target+" ") })
	})
	for _, arg := range change.SecretDeletes {
		k := v.Secrets[id(arg.URI)]
		k.Revisions = slices.DeleteFunc(k.Revisions, func(n int) bool { return slices.Contains(arg.Revisions, n) })
		if len(arg.Revisions) == 0 || len(k.Revisions) == 0 {
			delete(v.Secrets, id(arg.URI))
		} else {
			v.Secrets[id(arg.URI)] = k
		}
	}
}
