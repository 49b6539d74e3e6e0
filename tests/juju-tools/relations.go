// SPDX-License-Identifier: GPL-3.0-only

package main

import (
	"encoding/json"
	"strconv"

	"github.com/juju/juju/api/agent/uniter"
	"github.com/juju/juju/core/life"
	"github.com/juju/juju/internal/worker/uniter/relation"
	"github.com/juju/juju/internal/worker/uniter/remotestate"
	"github.com/juju/juju/internal/worker/uniter/runner/context"
	"github.com/juju/juju/rpc/params"
	"github.com/juju/loggo"
	"github.com/juju/names/v5"
)

// What an agent knows of its unit's relations: Juju's own tracker, started with what juju-local's agent remembers, then told of each
// relation's life as its watchers tell it.

func (r *run) track(state *uniter.State, unit *uniter.Unit) error {
	ctl := r.keeper.controller
	var err error
	r.tracked, err = relation.NewRelationStateTracker(relation.RelationStateTrackerConfig{
		State: state, Unit: unit, Tracker: tracker{ctl}, CharmDir: r.folder, NewLeadershipContext: context.NewLeadershipContext,
		Abort: make(chan struct{}), Logger: loggo.GetLogger("relation"),
	})
	if err != nil {
		return err
	}
	now := remotestate.Snapshot{Relations: map[int]remotestate.RelationSnapshot{}}
	for _, known := range ctl.joined() {
		alive := known.Life == "alive" && !ctl.breaks(known.ID)
		now.Relations[known.ID] = remotestate.RelationSnapshot{Life: life.Alive}
		if !alive {
			now.Relations[known.ID] = remotestate.RelationSnapshot{Life: life.Dying}
		}
	}
	return r.tracked.SynchronizeScopes(now)
}

// joined is the relations that the unit has entered.
func (c *controller) joined() []*relationData {
	var out []*relationData
	for key := range c.start.Units[c.about.Unit].Agent.Relations {
		if r := c.start.Relations[key]; r != nil {
			out = append(out, r)
		}
	}
	return out
}

// remembered is what the agent keeps of them with its controller, in the tracker's own format: YAML, of which JSON is a part.
func (c *controller) remembered() map[int]string {
	out := map[int]string{}
	for _, r := range c.joined() {
		members := c.start.Units[c.about.Unit].Agent.Relations[strconv.Itoa(r.ID)].Members
		if c.breaks(r.ID) {
			members = nil
		}
		text, err := json.Marshal(map[string]any{"id": r.ID, "members": members})
		if err == nil {
			out[r.ID] = string(text)
		}
	}
	return out
}

// ofTracker answers what the tracker asks for.
func (c *controller) ofTracker(request string, _ any) (any, bool) {
	switch request {
	case "RelationsStatus":
		var joined []params.RelationUnitStatus
		for _, r := range c.joined() {
			joined = append(joined, params.RelationUnitStatus{RelationTag: names.NewRelationTag(r.key()).String(), InScope: true})
		}
		return params.RelationUnitStatusResults{Results: []params.RelationUnitStatusResult{{RelationResults: joined}}}, true
	case "Watch":
		return params.NotifyWatchResults{Results: []params.NotifyWatchResult{{NotifyWatcherId: "1"}}}, true
	case "EnterScope", "LeaveScope", "SetState", "Destroy":
		return params.ErrorResults{Results: []params.ErrorResult{{}}}, true
	}
	return nil, false
}

// watch is the far side of the only watcher that is asked for, the unit's own: nothing changes until it is stopped.
func (c *controller) watch(request string) error {
	if request == "Stop" {
		c.stopped <- struct{}{}
		return nil
	}
	<-c.stopped
	return &params.Error{Message: "watcher was stopped", Code: params.CodeStopped}
}

// lifeWhenAsked is the life of a relation that the controller told when the agent joined it or started.
func (c *controller) lifeWhenAsked(r *relationData) life.Value {
	if memory, joined := c.start.Units[c.about.Unit].Agent.Relations[strconv.Itoa(r.ID)]; joined && memory.Dying {
		return life.Dying
	}
	return life.Alive
}
