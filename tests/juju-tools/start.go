// SPDX-License-Identifier: GPL-3.0-only

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/juju/juju/agent/tools"
	"github.com/juju/juju/internal/worker/uniter/runner"
	"github.com/juju/juju/internal/worker/uniter/runner/jujuc"
	"github.com/juju/juju/rpc/params"
	"github.com/juju/loggo"
)

// What Juju's own runner did with one hook, action or juju-exec.
type started struct {
	Failed string                        `json:"failed"` // why the agent counts it as failed
	Calls  []toolCall                    `json:"calls"`
	Log    []logLine                     `json:"log"`
	Action *params.ActionExecutionResult `json:"action"` // what the controller was told of an action, or the caller of juju-exec
	Differ string                        `json:"differ"` // between what the two commit
}

type toolCall struct {
	Tool string   `json:"tool"`
	Args []string `json:"args"`
	Dir  string   `json:"dir"`
	Env  []string `json:"env"`
}

type logLine struct {
	Level  string `json:"level"`
	Module string `json:"module"`
	Text   string `json:"text"`
}

// Write makes started the place that the agent's log goes to.
func (s *started) Write(e loggo.Entry) {
	if strings.HasPrefix(e.Module, "unit.") {
		s.Log = append(s.Log, logLine{e.Level.String(), e.Module, e.Message})
	}
}

// asTool stands before Juju's client of the hook tools: notes what the hook's process calls it with, and becomes it.
func asTool(tool string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, _ := os.Getwd()
	data, err := json.Marshal(toolCall{tool, os.Args[1:], dir, os.Environ()})
	if err != nil {
		return err
	}
	out, err := os.OpenFile(os.Getenv("JUJU_AGENT_SOCKET_ADDRESS")+".calls", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if _, err = out.Write(append(data, '\n')); err != nil {
		return err
	}
	return syscall.Exec(self+".real", os.Args, os.Environ())
}

// start makes the context of the run that a record tells of and has Juju's runner start it on this machine: the same process, found
// in the same charm, this time by the agent's code, with its environment, its log, its tools and its commit. Prints a `started`.
func (p *replay) start(record, folder string) error {
	var environment, flushed *line
	var made []string
	in, err := os.Open(record)
	if err != nil {
		return err
	}
	defer in.Close()
	var about *line
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), lineMax)
	for lines.Scan() {
		l := &line{}
		if err := json.Unmarshal(lines.Bytes(), l); err != nil {
			return err
		}
		switch l.Event {
		case "model":
			p.models[l.Stamp] = l.Model
		case "context":
			about = l
		case "env":
			environment = l
		case "flush":
			flushed = l
		case "call":
			if id, is := strings.CutPrefix(strings.TrimSpace(string(l.Out)), "secret:"); is && l.Tool == "secret-add" {
				made = append(made, id)
			}
		}
	}
	if about == nil || environment == nil {
		return fmt.Errorf("%s: no run in it", record)
	}
	m, err := p.model(about.Start)
	if err != nil {
		return err
	}
	r, err := prepare(about, m, m, folder)
	if err != nil {
		return err
	}
	r.keeper.coming = made
	out := &started{}
	loggo.ReplaceDefaultWriter(out)
	if err := loggo.ConfigureLoggers("<root>=DEBUG"); err != nil {
		return err
	}
	if err := r.started(about, environment.Env, out); err != nil {
		out.Failed = err.Error()
	}
	if flushed != nil && out.Failed == "" {
		if out.Differ, err = p.compared(r, flushed); err != nil {
			return err
		}
	}
	if r.keeper.finished != nil {
		out.Action = r.keeper.finished
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func (r *run) started(about *line, recorded map[string]string, out *started) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	env := maps.Clone(recorded)
	env["PATH"] = filepath.Dir(self) + ":"
	env["JUJU_AGENT_SOCKET_ADDRESS"] = r.socket.Address
	env["JUJU_AGENT_SOCKET_NETWORK"] = r.socket.Network
	if err := tools.EnsureSymlinks(filepath.Dir(self), filepath.Dir(self), jujuc.CommandNames()); err != nil {
		return err
	}
	agent := runner.NewRunner(r.real, where{env: env, socket: r.socket, folder: r.folder}, nil)
	switch {
	case about.Hook != nil:
		_, err = agent.RunHook(about.Hook.Name)
	case about.Task != nil && about.Task.Kind == "action":
		_, err = agent.RunAction(about.Task.Name)
	default:
		answer, runErr := agent.RunCommands(about.Task.Command, runner.Operator)
		if err = runErr; answer != nil {
			out.Action = &params.ActionExecutionResult{Status: params.ActionCompleted, Results: map[string]any{
				"return-code": answer.Code, "stdout": string(answer.Stdout), "stderr": string(answer.Stderr),
			}}
		}
	}
	noted, openErr := os.Open(r.socket.Address + ".calls")
	if openErr != nil {
		return err
	}
	defer noted.Close()
	for decoder := json.NewDecoder(noted); ; {
		var call toolCall
		if decoder.Decode(&call) == io.EOF {
			return err
		}
		out.Calls = append(out.Calls, call)
	}
}
