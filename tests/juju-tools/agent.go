// SPDX-License-Identifier: GPL-3.0-only

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/juju/charm/v12/hooks"
	"github.com/juju/cmd/v3"
	"github.com/juju/juju/api/agent/uniter"
	"github.com/juju/juju/core/leadership"
	"github.com/juju/juju/internal/worker/uniter/hook"
	"github.com/juju/juju/internal/worker/uniter/relation"
	"github.com/juju/juju/internal/worker/uniter/runner/context"
	"github.com/juju/juju/internal/worker/uniter/runner/jujuc"
	"github.com/juju/juju/juju/sockets"
	jujusecrets "github.com/juju/juju/secrets"
	"github.com/juju/loggo"
	"github.com/juju/names/v5"
	"github.com/juju/utils/v3/exec"
)

// run is one run of a hook, action or juju-exec in Juju's own code: its context, and the server of its tools on a socket.
type run struct {
	keeper  *keeper
	about   *line
	real    *context.HookContext
	tracked relation.RelationStateTracker
	server  *jujuc.Server
	socket  sockets.Socket
	folder  string            // the working directory of its tools' callers
	written string            // the file that the last call was told to write
	laid    map[string]string // files of the call under way: where they are -> what it names them
}

// where is the machine's side of a run: paths as juju-local shows them to the hook.
type where struct {
	env    map[string]string
	socket sockets.Socket
	folder string
}

func (w where) GetToolsDir() string                      { return strings.SplitN(w.env["PATH"], ":", 2)[0] }
func (w where) GetBaseDir() string                       { return filepath.Dir(w.env["CHARM_DIR"]) }
func (w where) GetCharmDir() string                      { return w.env["CHARM_DIR"] }
func (w where) GetJujucServerSocket(bool) sockets.Socket { return w.socket }
func (w where) GetMetricsSpoolDir() string               { return w.folder }
func (w where) GetResourcesDir() string                  { return filepath.Join(w.folder, "resources") }
func (w where) GetJujucClientSocket(bool) sockets.Socket {
	return sockets.Socket{Network: w.env["JUJU_AGENT_SOCKET_NETWORK"], Address: w.env["JUJU_AGENT_SOCKET_ADDRESS"]}
}

// tracker answers who leads out of the recorded model.
type tracker struct{ *controller }

func (t tracker) ApplicationName() string        { return t.me().App }
func (t tracker) ClaimDuration() time.Duration   { return 30 * time.Second }
func (t tracker) ClaimLeader() leadership.Ticket { return ticket(t.leads()) }
func (t tracker) WaitLeader() leadership.Ticket  { return ticket(t.leads()) }
func (t tracker) WaitMinion() leadership.Ticket  { return ticket(!t.leads()) }

type ticket bool

func (t ticket) Wait() bool { return bool(t) }
func (t ticket) Ready() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// ended is the hook's process, for juju-reboot --now: it ended when it was recorded.
type ended struct{}

func (ended) Pid() int    { return 0 }
func (ended) Kill() error { return os.ErrProcessDone }

type sleepless struct{}

func (sleepless) After(d time.Duration) <-chan time.Time { return time.After(d) }

// prepare makes the context that Juju's agent makes for what about tells of.
func prepare(about *line, m, start *model, folder string) (*run, error) {
	ctl := &controller{model: m, start: start, about: about, stopped: make(chan struct{})}
	r := &run{keeper: &keeper{controller: ctl}, about: about, folder: folder,
		socket: sockets.Socket{Network: "unix", Address: filepath.Join(folder, "agent.socket")}}
	if ctl.me() == nil {
		return nil, fmt.Errorf("no unit %s in its model", about.Unit)
	}
	factory, err := r.factory()
	if err != nil {
		return nil, err
	}
	if r.real, err = r.context(factory); err != nil {
		return nil, err
	}
	return r, nil
}

// begin serves the tools of such a context, too: its process ended when it was recorded.
func begin(about *line, m, start *model, folder string) (*run, error) {
	r, err := prepare(about, m, start, folder)
	if err != nil {
		return nil, err
	}
	r.real.SetProcess(ended{})
	r.server, err = jujuc.NewServer(func(id, name string) (cmd.Command, error) {
		if id != r.real.Id() {
			return nil, fmt.Errorf("wrong context ID; got %q", id)
		}
		return jujuc.NewCommand(r.real, name)
	}, r.socket, "")
	if err != nil {
		return nil, err
	}
	go func() { _ = r.server.Run() }()
	return r, nil
}

func (r *run) end() {
	r.server.Close()
	_ = os.Remove(r.socket.Address)
}

func (r *run) factory() (context.ContextFactory, error) {
	ctl := r.keeper.controller
	tag := names.NewUnitTag(ctl.me().Name)
	state := uniter.NewState(ctl, tag)
	unit, err := state.Unit(tag)
	if err != nil {
		return nil, err
	}
	resources, err := uniter.NewResourcesFacadeClient(ctl, tag)
	if err != nil {
		return nil, err
	}
	if err = r.track(state, unit); err != nil {
		return nil, err
	}
	return context.NewContextFactory(context.FactoryConfig{
		State: state, Unit: unit, Resources: resources, Payloads: uniter.NewPayloadFacadeClient(ctl), Tracker: tracker{ctl},
		SecretsClient: r.keeper, SecretsBackendGetter: func() (jujusecrets.BackendsClient, error) { return r.keeper, nil },
		GetRelationInfos: r.tracked.GetInfo,
		Paths:            where{socket: r.socket, folder: r.folder}, Clock: sleepless{}, Logger: loggo.GetLogger("unit"),
	})
}

func (r *run) context(factory context.ContextFactory) (*context.HookContext, error) {
	h, t := r.about.Hook, r.about.Task
	switch {
	case h != nil:
		info := hook.Info{Kind: hooks.Kind(h.Kind), RemoteUnit: h.RemoteUnit, RemoteApplication: h.RemoteApp, DepartingUnit: h.Departing,
			StorageId: h.Storage, SecretURI: h.Secret, SecretLabel: h.SecretLabel}
		if h.Relation != nil {
			info.RelationId = *h.Relation
		}
		if h.SecretRevision != nil {
			info.SecretRevision = *h.SecretRevision
		}
		return factory.HookContext(info)
	case t != nil && t.Kind == "action":
		tag := names.NewActionTag(t.ID)
		return factory.ActionContext(context.NewActionData(t.Name, &tag, t.Params, nil))
	}
	return factory.CommandContext(context.CommandInfo{RelationId: -1})
}

// environment is what the hook's process would get.
func (r *run) environment(recorded map[string]string) (map[string]string, error) {
	_, path, _ := strings.Cut(recorded["PATH"], ":")
	outer := map[string]string{"PATH": path}
	environ := context.NewRemoteEnvironmenter(func() []string { return nil }, func(key string) string { return outer[key] },
		func(key string) (string, bool) { v, set := outer[key]; return v, set })
	vars, err := r.real.HookVars(where{env: recorded, socket: r.socket, folder: r.folder}, false, environ)
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		env[name] = value
	}
	return env, nil
}

// call is one call of a tool over the socket, as the agent's own client makes it: standard input is sent when it is asked for.
// Returned is also whether it was.
func (r *run) call(c *line) (*exec.ExecResponse, bool, error) {
	client, err := sockets.Dial(r.socket)
	if err != nil {
		return nil, false, err
	}
	defer client.Close()
	request := jujuc.Request{ContextId: r.real.Id(), Dir: r.folder, CommandName: c.Tool, Args: c.Args}
	var answer exec.ExecResponse
	err = client.Call("Jujuc.Main", request, &answer)
	asked := err != nil && err.Error() == jujuc.ErrNoStdin.Error()
	if asked {
		request.StdinSet = true
		if c.Stdin != nil {
			request.Stdin = *c.Stdin
		}
		err = client.Call("Jujuc.Main", request, &answer)
	}
	if err != nil { // the client prints what the server cannot answer
		answer = exec.ExecResponse{Code: 1, Stderr: []byte("ERROR " + err.Error() + "\n")}
	}
	return &answer, asked, nil
}

// lay puts the files that a call names into the caller's directory, and names them there. Returned are the arguments.
func (r *run) lay(c *line) ([]string, error) {
	r.written, r.laid = "", map[string]string{}
	args := append([]string(nil), c.Args...)
	n := 0
	if c.Output != "" {
		r.written = filepath.Join(r.folder, "written")
		_ = os.Remove(r.written)
		rename(args, c.Output, r.written)
	}
	for name, content := range c.Files {
		path := filepath.Join(r.folder, "file-"+strconv.Itoa(n))
		n++
		r.laid[path] = name
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
		rename(args, name, path)
	}
	return args, nil
}

func rename(args []string, name, path string) {
	for i := range args {
		if args[i] == name || strings.HasSuffix(args[i], "="+name) {
			args[i] = strings.TrimSuffix(args[i], name) + path
		}
	}
}
