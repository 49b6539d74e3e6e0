// SPDX-License-Identifier: GPL-3.0-only

// juju-library ARCHIVE FOLDER: has Juju's own library read a packed charm, as a controller does when it is
// deployed, and unpack it into FOLDER, as a unit's agent does. Prints as JSON what it has read. On standard
// input: a JSON list of calls of actions, {"action", "params"}; printed is what is wrong with each, "" for
// nothing, and the parameters with their defaults.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/juju/charm/v12"
)

type endpoint struct {
	Role, Interface, Scope string
	Limit                  int
	Optional               bool
}

type option struct {
	Type, Description string
	Default           any
}

type store struct {
	Type               string
	CountMin, CountMax int
}

type call struct {
	Action string         `json:"action"`
	Params map[string]any `json:"params"`
}

type verdict struct {
	Error  string         `json:"error"`
	Params map[string]any `json:"params"`
}

type report struct {
	Name, Summary, Version string
	Format                 int
	Bases                  []string
	Endpoints              map[string]endpoint
	Options                map[string]option
	Storage                map[string]store
	Actions                map[string]string
	Members                []string
	Calls                  []verdict
}

func judge(actions *charm.Actions, c call) verdict {
	spec, known := actions.ActionSpecs[c.Action]
	if !known {
		return verdict{Error: "no such action"}
	}
	if c.Params == nil {
		c.Params = map[string]any{}
	}
	if err := spec.ValidateParams(c.Params); err != nil {
		return verdict{Error: err.Error()}
	}
	params, err := spec.InsertDefaults(c.Params)
	if err != nil {
		return verdict{Error: err.Error()}
	}
	return verdict{Params: params}
}

func describe(archive *charm.CharmArchive) (*report, error) {
	meta := archive.Meta()
	members, err := archive.ArchiveMembers()
	if err != nil {
		return nil, err
	}
	r := &report{
		Name: meta.Name, Summary: meta.Summary, Version: archive.Version(), Format: int(charm.MetaFormat(archive)),
		Endpoints: map[string]endpoint{}, Options: map[string]option{}, Storage: map[string]store{},
		Actions: map[string]string{}, Members: members.SortedValues(), Calls: []verdict{},
	}
	if manifest := archive.Manifest(); manifest != nil {
		for _, base := range manifest.Bases {
			r.Bases = append(r.Bases, base.String())
		}
	}
	for name, e := range meta.CombinedRelations() {
		r.Endpoints[name] = endpoint{string(e.Role), e.Interface, string(e.Scope), e.Limit, e.Optional}
	}
	for name, o := range archive.Config().Options {
		r.Options[name] = option{o.Type, o.Description, o.Default}
	}
	for name, s := range meta.Storage {
		r.Storage[name] = store{string(s.Type), s.CountMin, s.CountMax}
	}
	for name, spec := range archive.Actions().ActionSpecs {
		r.Actions[name] = spec.Description
	}
	return r, nil
}

func run(path, folder string) error {
	var calls []call
	if err := json.NewDecoder(os.Stdin).Decode(&calls); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	archive, err := charm.ReadCharmArchive(path)
	if err != nil {
		return err
	}
	if err := charm.CheckMeta(archive); err != nil {
		return err
	}
	if err := archive.ExpandTo(folder); err != nil {
		return err
	}
	r, err := describe(archive)
	if err != nil {
		return err
	}
	for _, c := range calls {
		r.Calls = append(r.Calls, judge(archive.Actions(), c))
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	return out.Encode(r)
}

func main() {
	err := errors.New("usage: juju-library ARCHIVE FOLDER")
	if len(os.Args) == 3 {
		err = run(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
