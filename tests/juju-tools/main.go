// SPDX-License-Identifier: GPL-3.0-only

// juju-tools RECORD...: does again, with the code of Juju's own unit agent, what juju-local recorded (JUJU_LOCAL_RECORD): makes the
// context of every run of a hook or action out of the model that it began with, calls each hook tool over the agent's socket with the
// same arguments and input, and commits what the run held back. Prints every difference in output, exit status, environment and
// what is committed, then a count. Exit status 1 when there is a difference.
//
// The agent's code is Juju's: parsing, formats, messages, what a hook reads of its own writes, what is sent to the controller at its
// end. The controller's answers are not: controller.go and secrets.go give them out of the recorded model.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	jujuos "github.com/juju/juju/core/os"
	"github.com/juju/juju/core/os/ostype"
	"github.com/juju/juju/internal/worker/uniter/runner/jujuc"
	"github.com/juju/loggo"
)

// lineMax is the longest line of a record: a model of a few hundred units.
const lineMax = 256 << 20

type replay struct {
	models   map[string]json.RawMessage
	contexts map[string]*line
	runs     map[string]*run
	folder   string
	count    map[string]int
	differ   int
	said     []string // what differs, each once, and
	times    map[string]int
	tools    map[string]int
}

func main() {
	if tool := filepath.Base(os.Args[0]); slices.Contains(jujuc.CommandNames(), tool) {
		fmt.Fprintln(os.Stderr, asTool(tool))
		os.Exit(1)
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "juju-tools RECORD...\njuju-tools start RECORD")
		os.Exit(2)
	}
	folder, err := os.MkdirTemp("", "juju-tools-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	loggo.ReplaceDefaultWriter(loggo.NewSimpleWriter(io.Discard, loggo.DefaultFormatter)) // what the hooks say to the log
	jujuos.HostOS = func() ostype.OSType { return ostype.Ubuntu }                         // what a controller's machines run
	p := &replay{models: map[string]json.RawMessage{}, contexts: map[string]*line{}, runs: map[string]*run{}, folder: folder,
		count: map[string]int{}, times: map[string]int{}, tools: map[string]int{}}
	if os.Args[1] == "start" && len(os.Args) == 3 {
		err = p.start(os.Args[2], folder)
	} else {
		err = p.files(os.Args[1:])
	}
	_ = os.RemoveAll(folder)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if os.Args[1] == "start" {
		return
	}
	p.report()
	if p.differ > 0 {
		os.Exit(1)
	}
}

func (p *replay) report() {
	for _, text := range p.said {
		fmt.Println(text)
	}
	tools := make([]string, 0, len(p.tools))
	for name, n := range p.tools {
		tools = append(tools, fmt.Sprintf("%s %d", name, n))
	}
	sort.Strings(tools)
	fmt.Printf("%d calls of tools, %d environments, %d commits: %d differences\n", p.count["call"], p.count["env"], p.count["flush"], p.differ)
	fmt.Printf("calls: %s\n", strings.Join(tools, ", "))
	if n := p.count["skipped"]; n > 0 {
		fmt.Printf("%d calls were of what juju-local does not have or words its own way: help, Kubernetes, payloads, resources, clouds, another version\n", n)
	}
}

func (p *replay) files(names []string) error {
	for _, name := range names {
		if err := p.file(name); err != nil {
			return err
		}
	}
	return nil
}

func (p *replay) file(name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), lineMax)
	for number := 1; lines.Scan(); number++ {
		l := &line{}
		if err := json.Unmarshal(lines.Bytes(), l); err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if err := p.line(l); err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	return lines.Err()
}

func (p *replay) line(l *line) error {
	switch l.Event {
	case "model":
		p.models[l.Stamp] = l.Model
		return nil
	case "context":
		p.contexts[l.Context] = l
		return nil
	}
	about := p.contexts[l.Context]
	if about == nil {
		return fmt.Errorf("context %q never began", l.Context)
	}
	if !strings.HasPrefix(about.Version, "3.") {
		p.count["skipped"]++
		return nil
	}
	stamp := l.Before
	if l.Event != "flush" {
		if err := json.Unmarshal(l.Model, &stamp); err != nil {
			return err
		}
	}
	m, err := p.model(stamp)
	if err != nil {
		return err
	}
	r := p.runs[l.Context]
	if r == nil {
		folder := filepath.Join(p.folder, l.Context[strings.LastIndex(l.Context, "-")+1:])
		if err := os.Mkdir(folder, 0o700); err != nil {
			return err
		}
		start, err := p.model(about.Start)
		if err != nil {
			return err
		}
		if r, err = begin(about, m, start, folder); err != nil {
			p.different(about, "no context can be made: %v", err)
			delete(p.contexts, l.Context)
			p.contexts[l.Context] = &line{Version: "unusable"}
			return nil
		}
		p.runs[l.Context] = r
	}
	r.keeper.model = m
	switch l.Event {
	case "env":
		return p.environment(r, l)
	case "call":
		return p.call(r, l)
	case "flush":
		return p.flush(r, l)
	}
	return fmt.Errorf("no event %q is known", l.Event)
}

func (p *replay) model(stamp string) (*model, error) {
	raw, there := p.models[stamp]
	if !there {
		return nil, fmt.Errorf("model %q was never recorded", stamp)
	}
	m := &model{}
	return m, json.Unmarshal(raw, m)
}

func (p *replay) different(about *line, format string, args ...any) {
	p.differ++
	what := "juju-exec"
	if about.Hook != nil {
		what = about.Hook.Name
	} else if about.Task != nil {
		what = "action " + about.Task.Name
	}
	text := fmt.Sprintf(format, args...)
	if p.times[text] == 0 {
		p.said = append(p.said, about.Unit+" "+what+": "+text)
	}
	p.times[text]++
}

// elsewhere tells of a call that is outside of what the two share.
func elsewhere(l *line) bool {
	for _, arg := range l.Args {
		if arg == "--help" || arg == "-h" {
			return true
		}
	}
	return bytes.Contains(l.Err, []byte("juju-local has no")) || l.Tool == "resource-get" && l.Code != 2
}

func (p *replay) call(r *run, l *line) error {
	if elsewhere(l) {
		p.count["skipped"]++
		return nil
	}
	p.count["call"]++
	p.tools[l.Tool]++
	if id, made := strings.CutPrefix(strings.TrimSpace(string(l.Out)), "secret:"); made && l.Tool == "secret-add" {
		r.keeper.next = id
	}
	args, err := r.lay(l)
	if err != nil {
		return err
	}
	sent := *l
	sent.Args = args
	answer, asked, err := r.call(&sent)
	if err != nil {
		return err
	}
	for path, name := range r.laid {
		answer.Stderr = bytes.ReplaceAll(answer.Stderr, []byte(path), []byte(name))
	}
	answer.Stderr = bytes.ReplaceAll(answer.Stderr, []byte(r.folder), []byte(l.Cwd))
	var wrong []string
	if asked != (l.Stdin != nil) {
		wrong = append(wrong, fmt.Sprintf("Juju asks for standard input: %v, juju-local: %v", asked, l.Stdin != nil))
	}
	if answer.Code != l.Code {
		wrong = append(wrong, fmt.Sprintf("exit status: Juju %d, juju-local %d", answer.Code, l.Code))
	}
	for _, stream := range []struct {
		name         string
		theirs, ours []byte
	}{{"stdout", answer.Stdout, l.Out}, {"stderr", answer.Stderr, l.Err}} {
		if !bytes.Equal(stream.theirs, stream.ours) {
			wrong = append(wrong, fmt.Sprintf("%s: Juju %q, juju-local %q", stream.name, stream.theirs, stream.ours))
		}
	}
	if theirs, err := os.ReadFile(r.written); r.written != "" && (err == nil) != (l.Written != nil) || l.Written != nil && !bytes.Equal(theirs, *l.Written) {
		wrong = append(wrong, fmt.Sprintf("what is written: Juju %q, juju-local %q", theirs, l.Written))
	}
	if len(r.keeper.unknown) > 0 {
		wrong = append(wrong, fmt.Sprintf("asked the controller for %v", r.keeper.unknown))
		r.keeper.unknown = nil
	}
	if len(wrong) > 0 {
		p.different(r.about, "%s %q\n  %s", l.Tool, l.Args, strings.Join(wrong, "\n  "))
	}
	return nil
}

func (p *replay) environment(r *run, l *line) error {
	p.count["env"]++
	theirs, err := r.environment(l.Env)
	if err != nil {
		p.different(r.about, "no environment can be made: %v", err)
		return nil
	}
	theirs["JUJU_CONTEXT_ID"] = l.Env["JUJU_CONTEXT_ID"] // a random part each
	theirs["JUJU_VERSION"] = l.Env["JUJU_VERSION"]
	if what, set := l.Env["JUJU_DISPATCH_PATH"]; set { // the runner puts it in
		theirs["JUJU_DISPATCH_PATH"] = what
	}
	var wrong []string
	for name, value := range theirs {
		if ours, set := l.Env[name]; !set || ours != value {
			wrong = append(wrong, fmt.Sprintf("%s: Juju %q, juju-local %q (set: %v)", name, value, ours, set))
		}
	}
	for name, value := range l.Env {
		if _, set := theirs[name]; !set {
			wrong = append(wrong, fmt.Sprintf("%s: not Juju's, juju-local %q", name, value))
		}
	}
	if len(wrong) > 0 {
		sort.Strings(wrong)
		p.different(r.about, "environment\n  %s", strings.Join(wrong, "\n  "))
	}
	return nil
}

func (p *replay) flush(r *run, l *line) error {
	p.count["flush"]++
	if err := r.real.Flush("", nil); err != nil && !strings.Contains(err.Error(), "reboot") {
		p.different(r.about, "Juju refuses to commit: %v", err)
		return nil
	}
	r.end()
	differ, err := p.compared(r, l)
	if differ != "" {
		p.different(r.about, "what is committed\n%s", differ)
	}
	return err
}

// compared is how what Juju's agent sent to be committed differs from what juju-local did at the line l; "" where they are the same.
func (p *replay) compared(r *run, l *line) (string, error) {
	before, err := p.model(l.Before)
	if err != nil {
		return "", err
	}
	after, err := p.model(l.After)
	if err != nil {
		return "", err
	}
	name, app := r.about.Unit, r.keeper.me().App
	theirs := viewOf(before, name)
	if change := r.keeper.committed; change != nil {
		theirs.apply(change, name, app)
	}
	if a, b := theirs.text(), viewOf(after, name).text(); a != b {
		return differing(a, b), nil
	}
	return "", nil
}

// differing is the lines that only one of the two has.
func differing(theirs, ours string) string {
	a, b := strings.Split(theirs, "\n"), strings.Split(ours, "\n")
	var out []string
	for _, side := range []struct {
		name string
		some []string
		rest []string
	}{{"Juju", a, b}, {"juju-local", b, a}} {
		for _, text := range side.some {
			if !slices.Contains(side.rest, text) {
				out = append(out, "  "+side.name+": "+strings.TrimSpace(text))
			}
		}
	}
	return strings.Join(out, "\n")
}
