// SPDX-License-Identifier: GPL-3.0-only

package main

import "encoding/json"

// The lines of a record, as tools/juju_local/recording.py writes them, and of the models in it what hook tools can see.

type line struct {
	Event   string `json:"event"`
	Context string `json:"context"`

	// model
	Stamp string          `json:"stamp"`
	Model json.RawMessage `json:"model"` // of "call" and "env": a stamp

	// context
	Start     string            `json:"start"` // the model that the run began with
	Unit      string            `json:"unit"`
	Version   string            `json:"version"`
	Hook      *hookRun          `json:"hook"`
	Task      *taskRun          `json:"task"`
	Config    map[string]any    `json:"config"`
	Bindings  []string          `json:"bindings"`
	Locations map[string]string `json:"locations"` // of storage, as the hook sees them

	// env
	Env map[string]string `json:"env"`

	// call
	Tool  string            `json:"tool"`
	Args  []string          `json:"args"`
	Cwd   string            `json:"cwd"`
	Files map[string][]byte `json:"files"`
	Stdin *[]byte           `json:"stdin"`
	// The file named to be written, and what was in it; null where it was not.
	Output  string  `json:"output"`
	Written *[]byte `json:"written"`
	Code    int     `json:"code"`
	Out     []byte  `json:"out"`
	Err     []byte  `json:"err"`

	// flush
	Before string `json:"before"`
	After  string `json:"after"`
}

type hookRun struct {
	Name           string `json:"name"`
	Kind           string `json:"kind"`
	Relation       *int   `json:"relation"`
	RemoteUnit     string `json:"remote_unit"`
	RemoteApp      string `json:"remote_app"`
	Departing      string `json:"departing"`
	Storage        string `json:"storage"`
	Secret         string `json:"secret"`
	SecretLabel    string `json:"secret_label"`
	SecretRevision *int   `json:"secret_revision"`
	Fired          bool   `json:"fired"` // run by hand, whatever the model is like
}

type taskRun struct {
	ID     string         `json:"id"`
	Kind   string         `json:"kind"` // action, exec
	Name   string         `json:"name"`
	Params map[string]any `json:"params"`
	// of juju-exec
	Command string `json:"command"`
}

type unitStatus struct {
	Status  string         `json:"status"`
	Message string         `json:"message"`
	Since   string         `json:"since"`
	Data    map[string]any `json:"data"`
}

type application struct {
	Name           string            `json:"name"`
	Leader         string            `json:"leader"`
	Trust          bool              `json:"trust"`
	Version        string            `json:"version"`
	Status         *unitStatus       `json:"status"`
	LeaderSettings map[string]string `json:"leader_settings"`
}

type portRange struct {
	Endpoint string `json:"endpoint"`
	Protocol string `json:"protocol"`
	First    int    `json:"first"`
	Last     int    `json:"last"`
}

type unit struct {
	Name      string            `json:"name"`
	App       string            `json:"app"`
	Machine   string            `json:"machine"`
	Principal string            `json:"principal"`
	Life      string            `json:"life"`
	Workload  unitStatus        `json:"workload"`
	Ports     []portRange       `json:"ports"`
	State     map[string]string `json:"state"`
	Agent     struct {
		Relations map[string]struct {
			Members map[string]int `json:"members"`
			Dying   bool           `json:"dying"`
		} `json:"relations"`
		Storage []string `json:"storage"`
	} `json:"agent"`
}

type bag struct {
	Settings map[string]string `json:"settings"`
	InScope  bool              `json:"in_scope"`
}

type endpoint struct {
	App       string `json:"app"`
	Name      string `json:"name"`
	Role      string `json:"role"`
	Interface string `json:"interface"`
	Scope     string `json:"scope"`
}

type relationData struct {
	ID        int             `json:"id"`
	Endpoints []endpoint      `json:"endpoints"`
	Life      string          `json:"life"`
	Units     map[string]*bag `json:"units"`
	Apps      map[string]*bag `json:"apps"`
}

type storageInstance struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	App      string `json:"app"`
	Unit     string `json:"unit"`
	Location string `json:"location"`
	Life     string `json:"life"`
}

type secretRevision struct {
	Data   map[string]string `json:"data"` // base64
	Expire string            `json:"expire"`
}

type secretConsumer struct {
	Revision int    `json:"revision"`
	Label    string `json:"label"`
}

type secret struct {
	ID          string                       `json:"id"`
	Owner       string                       `json:"owner"`
	Label       string                       `json:"label"`
	Description string                       `json:"description"`
	Rotate      string                       `json:"rotate"`
	NextRotate  string                       `json:"next_rotate"`
	Latest      int                          `json:"latest"`
	Revisions   map[string]*secretRevision   `json:"revisions"`
	Consumers   map[string]*secretConsumer   `json:"consumers"`
	Access      map[string]map[string]string `json:"access"`
}

type model struct {
	Name         string                  `json:"name"`
	UUID         string                  `json:"uuid"`
	Config       map[string]any          `json:"config"`
	Applications map[string]*application `json:"applications"`
	Units        map[string]*unit        `json:"units"`
	Machines     map[string]struct {
		Address string `json:"address"`
	} `json:"machines"`
	Relations map[string]*relationData    `json:"relations"`
	Storage   map[string]*storageInstance `json:"storage"`
	Secrets   map[string]*secret          `json:"secrets"`
}

// of is the endpoint on app's side, far the application on the other; a peer relation's are the same.
func (r *relationData) of(app string) *endpoint {
	for i := range r.Endpoints {
		if r.Endpoints[i].App == app {
			return &r.Endpoints[i]
		}
	}
	return nil
}

func (r *relationData) far(app string) string {
	for _, e := range r.Endpoints {
		if e.App != app {
			return e.App
		}
	}
	return app
}

// key is Juju's name of the relation: requirer first.
func (r *relationData) key() string {
	if len(r.Endpoints) == 1 {
		return r.Endpoints[0].App + ":" + r.Endpoints[0].Name
	}
	first, second := r.Endpoints[0], r.Endpoints[1]
	if first.Role != "requirer" {
		first, second = second, first
	}
	return first.App + ":" + first.Name + " " + second.App + ":" + second.Name
}
