// SPDX-License-Identifier: GPL-3.0-only

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/juju/juju/api/base"
	"github.com/juju/juju/core/life"
	"github.com/juju/juju/rpc/params"
	"github.com/juju/names/v5"
	"gopkg.in/httprequest.v1"
)

// controller answers the calls that an agent's code makes to its controller out of a recorded model. What is written at once is
// dropped: the next call's model has it. What a hook's end commits is kept in committed.
type controller struct {
	model     *model
	start     *model // relations are answered as they were when the run began: Juju's agent asks when a hook does, juju-local at its start
	about     *line  // the context's line: what the charm declares
	committed *params.CommitHookChangesArg
	unknown   []string // requests that it cannot answer
	stopped   chan struct{}
	finished  *params.ActionExecutionResult
}

func (c *controller) me() *unit { return c.model.Units[c.about.Unit] }

func (c *controller) leads() bool {
	app := c.model.Applications[c.me().App]
	return app != nil && app.Leader == c.me().Name
}

// APICall answers request. Arguments and answers are turned into JSON and back, as on the wire.
func (c *controller) APICall(facade string, _ int, _, request string, args, response any) error {
	answer, err := c.answer(facade, request, args)
	if err != nil {
		return err
	}
	data, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if response == nil {
		return nil
	}
	return json.Unmarshal(data, response)
}

func (c *controller) answer(facade, request string, args any) (any, error) {
	switch facade {
	case "PayloadsHookContext":
		return params.PayloadResults{}, nil
	case "NotifyWatcher":
		return nil, c.watch(request)
	case "Uniter":
	default:
		c.unknown = append(c.unknown, facade+"."+request)
		return nil, fmt.Errorf("no facade %s here", facade)
	}
	for _, group := range []func(string, any) (any, bool){c.ofModel, c.ofUnit, c.ofRelations, c.ofStorage, c.ofTracker, c.written} {
		if answer, known := group(request, args); known {
			return answer, nil
		}
	}
	c.unknown = append(c.unknown, facade+"."+request)
	return nil, fmt.Errorf("no request %s here", request)
}

func (c *controller) ofModel(request string, _ any) (any, bool) {
	switch request {
	case "CurrentModel":
		return params.ModelResult{Name: c.model.Name, UUID: c.model.UUID, Type: "iaas"}, true
	case "APIAddresses":
		return params.StringsResult{Result: []string{"127.0.0.1:17070"}}, true
	case "SLALevel":
		return params.StringResult{Result: "unsupported"}, true
	case "CloudAPIVersion":
		return params.StringResult{}, true
	case "ModelConfig":
		config := map[string]any{"name": c.model.Name, "uuid": c.model.UUID, "type": "manual"}
		for _, key := range []string{"http-proxy", "https-proxy", "ftp-proxy", "no-proxy"} {
			for _, name := range []string{key, "juju-" + key} {
				if value, set := c.model.Config[name]; set {
					config[name] = value
				}
			}
		}
		return params.ModelConfigResult{Config: config}, true
	case "CloudSpec":
		return params.CloudSpecResult{Error: refused("permission denied", params.CodeUnauthorized)}, true
	case "GoalStates":
		return params.GoalStateResults{Results: []params.GoalStateResult{{Result: c.goalState()}}}, true
	}
	return nil, false
}

func (c *controller) ofUnit(request string, _ any) (any, bool) {
	me := c.me()
	address := params.StringResult{Result: c.model.Machines[me.Machine].Address}
	if address.Result == "" {
		address.Error = refused(fmt.Sprintf("%q has no private address set", me.Name), params.CodeNoAddressSet)
	}
	switch request {
	case "Refresh":
		return params.UnitRefreshResults{Results: []params.UnitRefreshResult{{Life: life.Value(me.Life), Resolved: params.ResolvedNone}}}, true
	case "Life":
		return params.LifeResults{Results: []params.LifeResult{{Life: "alive"}}}, true
	case "AssignedMachine":
		return params.StringResults{Results: []params.StringResult{{Result: names.NewMachineTag(me.Machine).String()}}}, true
	case "AvailabilityZone":
		zone, _ := c.model.Config["availability-zone"].(string)
		return params.StringResults{Results: []params.StringResult{{Result: zone}}}, true
	case "GetPrincipal":
		principal := params.StringBoolResult{Ok: me.Principal != ""}
		if principal.Ok {
			principal.Result = names.NewUnitTag(me.Principal).String()
		}
		return params.StringBoolResults{Results: []params.StringBoolResult{principal}}, true
	case "PrivateAddress", "PublicAddress":
		return params.StringResults{Results: []params.StringResult{address}}, true
	case "OpenedMachinePortRangesByEndpoint":
		return params.OpenPortRangesByEndpointResults{Results: []params.OpenPortRangesByEndpointResult{{UnitPortRanges: c.ports()}}}, true
	case "ConfigSettings":
		return params.ConfigSettingsResults{Results: []params.ConfigSettingsResult{{Settings: c.about.Config}}}, true
	case "UnitStatus":
		return params.StatusResults{Results: []params.StatusResult{asResult(&me.Workload)}}, true
	case "ApplicationStatus":
		return params.ApplicationStatusResults{Results: []params.ApplicationStatusResult{c.applicationStatus()}}, true
	case "State":
		return params.UnitStateResults{Results: []params.UnitStateResult{{CharmState: me.State, RelationState: c.remembered()}}}, true
	case "Read": // settings of the leader
		settings := params.Settings(c.model.Applications[me.App].LeaderSettings)
		return params.GetLeadershipSettingsBulkResults{Results: []params.GetLeadershipSettingsResult{{Settings: settings}}}, true
	}
	return nil, false
}

func (c *controller) ofRelations(request string, args any) (any, bool) {
	switch request {
	case "RelationById":
		id := args.(params.RelationIds).RelationIds[0]
		return params.RelationResultsV2{Results: []params.RelationResultV2{c.relationResult(c.start.Relations[fmt.Sprint(id)])}}, true
	case "Relation":
		tag := args.(params.RelationUnits).RelationUnits[0].Relation
		return params.RelationResultsV2{Results: []params.RelationResultV2{c.relationResult(c.byTag(tag))}}, true
	case "ReadSettings":
		r := c.byTag(args.(params.RelationUnits).RelationUnits[0].Relation)
		return params.SettingsResults{Results: []params.SettingsResult{{Settings: r.Units[c.me().Name].Settings}}}, true
	case "ReadLocalApplicationSettings":
		if !c.leads() {
			return params.SettingsResult{Error: refused("permission denied", params.CodeUnauthorized)}, true
		}
		result := params.SettingsResult{Settings: params.Settings{}}
		if b := c.byTag(args.(params.RelationUnit).Relation).Apps[c.me().App]; b != nil {
			result.Settings = b.Settings
		}
		return result, true
	case "ReadRemoteSettings":
		pair := args.(params.RelationUnitPairs).RelationUnitPairs[0]
		return params.SettingsResults{Results: []params.SettingsResult{c.remoteSettings(pair)}}, true
	case "NetworkInfo":
		info := args.(params.NetworkInfoParams)
		return params.NetworkInfoResults{Results: map[string]params.NetworkInfoResult{info.Endpoints[0]: c.networkInfo(info.Endpoints[0])}}, true
	}
	return nil, false
}

func (c *controller) ofStorage(request string, args any) (any, bool) {
	switch request {
	case "UnitStorageAttachments":
		ids := []params.StorageAttachmentId{}
		for _, id := range c.attached() {
			ids = append(ids, params.StorageAttachmentId{StorageTag: names.NewStorageTag(id).String(), UnitTag: names.NewUnitTag(c.me().Name).String()})
		}
		return params.StorageAttachmentIdsResults{Results: []params.StorageAttachmentIdsResult{{Result: params.StorageAttachmentIds{Ids: ids}}}}, true
	case "StorageAttachments":
		wanted := args.(params.StorageAttachmentIds).Ids[0]
		tag, err := names.ParseStorageTag(wanted.StorageTag)
		instance := c.model.Storage[tag.Id()]
		if err != nil || instance == nil || instance.Unit != c.me().Name {
			return params.StorageAttachmentResults{Results: []params.StorageAttachmentResult{{
				Error: refused(fmt.Sprintf("storage %q not found", tag.Id()), params.CodeNotFound),
			}}}, true
		}
		kind := params.StorageKindFilesystem
		if instance.Kind == "block" {
			kind = params.StorageKindBlock
		}
		return params.StorageAttachmentResults{Results: []params.StorageAttachmentResult{{Result: params.StorageAttachment{
			StorageTag: wanted.StorageTag, UnitTag: wanted.UnitTag, OwnerTag: wanted.UnitTag, Kind: kind, Location: c.about.Locations[instance.ID], Life: life.Value(instance.Life),
		}}}}, true
	}
	return nil, false
}

// written takes what has effect at once, and keeps what a hook's end commits.
func (c *controller) written(request string, args any) (any, bool) {
	switch request {
	case "CommitHookChanges":
		change := args.(params.CommitHookChangesArgs).Args[0]
		c.committed = &change
	case "FinishActions":
		c.finished = &args.(params.ActionExecutionResults).Results[0]
	case "SetUnitStatus", "SetAgentStatus", "SetApplicationStatus", "SetWorkloadVersion", "LogActionsMessages", "BeginActions",
		"RequestReboot", "SetRelationStatus", "Merge":
	default:
		return nil, false
	}
	return params.ErrorResults{Results: []params.ErrorResult{{}}}, true
}

func refused(message, code string) *params.Error { return &params.Error{Message: message, Code: code} }

func asResult(s *unitStatus) params.StatusResult {
	result := params.StatusResult{Status: s.Status, Info: s.Message, Data: s.Data}
	if since, err := time.Parse("2006-01-02 15:04:05Z", s.Since); err == nil {
		result.Since = &since
	}
	return result
}

func (c *controller) applicationStatus() params.ApplicationStatusResult {
	if !c.leads() {
		return params.ApplicationStatusResult{Error: refused(`"`+c.me().Name+`" is not leader of "`+c.me().App+`"`, "")}
	}
	status := c.model.Applications[c.me().App].Status
	if status == nil {
		status = &unitStatus{Status: "unknown"}
	}
	result := params.ApplicationStatusResult{Application: asResult(status), Units: map[string]params.StatusResult{}}
	for name, u := range c.model.Units {
		if u.App == c.me().App {
			result.Units[names.NewUnitTag(name).Id()] = asResult(&u.Workload)
		}
	}
	return result
}

func (c *controller) ports() map[string][]params.OpenUnitPortRangesByEndpoint {
	out := map[string][]params.OpenUnitPortRangesByEndpoint{}
	for name, u := range c.model.Units {
		if u.Machine != c.me().Machine {
			continue
		}
		ranges := map[string][]params.PortRange{}
		for _, p := range u.Ports {
			ranges[p.Endpoint] = append(ranges[p.Endpoint], params.PortRange{FromPort: p.First, ToPort: p.Last, Protocol: p.Protocol})
		}
		for endpoint, some := range ranges {
			tag := names.NewUnitTag(name).String()
			out[tag] = append(out[tag], params.OpenUnitPortRangesByEndpoint{Endpoint: endpoint, PortRanges: some})
		}
	}
	return out
}

func (c *controller) relationResult(r *relationData) params.RelationResultV2 {
	if r == nil || r.of(c.me().App) == nil {
		return params.RelationResultV2{Error: refused("permission denied", params.CodeUnauthorized)}
	}
	end := r.of(c.me().App)
	return params.RelationResultV2{
		Id: r.ID, Key: r.key(), Life: c.lifeWhenAsked(r),
		Endpoint: params.Endpoint{ApplicationName: end.App, Relation: params.CharmRelation{
			Name: end.Name, Role: end.Role, Interface: end.Interface, Scope: end.Scope,
		}},
		OtherApplication: params.RelatedApplicationDetails{ApplicationName: r.far(end.App), ModelUUID: c.model.UUID},
	}
}

// breaks tells of a relation whose -broken hook is run by hand.
func (c *controller) breaks(id int) bool {
	h := c.about.Hook
	return h != nil && h.Fired && h.Kind == "relation-broken" && h.Relation != nil && *h.Relation == id
}

func (c *controller) byTag(tag string) *relationData {
	for _, r := range c.start.Relations {
		if names.NewRelationTag(r.key()).String() == tag {
			return r
		}
	}
	return nil
}

func (c *controller) remoteSettings(pair params.RelationUnitPair) params.SettingsResult {
	r := c.byTag(pair.Relation)
	tag, err := names.ParseTag(pair.RemoteUnit)
	if r == nil || err != nil {
		return params.SettingsResult{Error: refused("permission denied", params.CodeUnauthorized)}
	}
	name := tag.Id()
	if tag.Kind() == names.ApplicationTagKind {
		if name != c.me().App && name != r.far(c.me().App) || name == c.me().App && len(r.Endpoints) > 1 && !c.leads() {
			return params.SettingsResult{Error: refused("permission denied", params.CodeUnauthorized)}
		}
		if b := r.Apps[name]; b != nil {
			return params.SettingsResult{Settings: b.Settings}
		}
		return params.SettingsResult{Settings: params.Settings{}}
	}
	if b := r.Units[name]; b != nil {
		return params.SettingsResult{Settings: b.Settings}
	}
	return params.SettingsResult{Error: refused(fmt.Sprintf(
		"cannot read settings for unit %q in relation %q: unit %q: settings not found", name, r.key(), name), params.CodeNotFound)}
}

func (c *controller) networkInfo(binding string) params.NetworkInfoResult {
	address := c.model.Machines[c.me().Machine].Address
	if !slices.Contains(append(c.about.Bindings, "juju-info"), binding) {
		return params.NetworkInfoResult{Error: refused("binding id \""+binding+"\" not defined by the unit's charm", params.CodeNotValid)}
	}
	if address == "" {
		return params.NetworkInfoResult{Info: []params.NetworkInfo{{InterfaceName: "eth0"}}}
	}
	bits, link := "/32", "eth0"
	cidr := address[:max(strings.LastIndex(address, "."), 0)] + ".0/24"
	if strings.Contains(address, ":") {
		bits, cidr = "/128", address+"/128"
	} else if strings.HasPrefix(address, "127.") {
		link = "lo"
	}
	return params.NetworkInfoResult{
		Info:          []params.NetworkInfo{{InterfaceName: link, Addresses: []params.InterfaceAddress{{Address: address, CIDR: cidr}}}},
		EgressSubnets: []string{address + bits}, IngressAddresses: []string{address},
	}
}

// attached is the storage that this unit's agent has seen attached, and that of the hook under way.
func (c *controller) attached() []string {
	ids := slices.Clone(c.me().Agent.Storage)
	if h := c.about.Hook; h != nil && h.Storage != "" && !slices.Contains(ids, h.Storage) {
		ids = append(ids, h.Storage)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return c.model.Storage[id] == nil })
}

func (c *controller) goalState() *params.GoalState {
	when := func(s unitStatus) params.GoalStateStatus {
		return params.GoalStateStatus{Status: s.Status, Since: asResult(&s).Since}
	}
	units := func(app string) params.UnitsGoalState {
		out := params.UnitsGoalState{}
		for name, u := range c.model.Units {
			if u.App == app {
				out[name] = when(u.Workload)
				if u.Life != "alive" {
					out[name] = params.GoalStateStatus{Status: "dying", Since: out[name].Since}
				}
			}
		}
		return out
	}
	goal := &params.GoalState{Units: units(c.me().App), Relations: map[string]params.UnitsGoalState{}}
	for _, r := range c.model.Relations {
		end := r.of(c.me().App)
		if end == nil || len(r.Endpoints) == 1 {
			continue
		}
		far := r.far(end.App)
		place := goal.Relations[end.Name]
		if place == nil {
			place = params.UnitsGoalState{}
			goal.Relations[end.Name] = place
		}
		for name, s := range units(far) {
			place[name] = s
		}
		joined := params.GoalStateStatus{Status: "joined", Since: when(c.me().Workload).Since}
		if r.Life != "alive" {
			joined.Status = "dying"
		}
		place[far] = joined
	}
	return goal
}

// What follows makes it a base.APICaller; nothing here uses streams or HTTP.

var errNotHere = errors.New("there is no controller behind this")

func (c *controller) BestFacadeVersion(string) int                 { return 19 }
func (c *controller) ModelTag() (names.ModelTag, bool)             { return names.NewModelTag(c.model.UUID), true }
func (c *controller) HTTPClient() (*httprequest.Client, error)     { return &httprequest.Client{}, nil }
func (c *controller) RootHTTPClient() (*httprequest.Client, error) { return &httprequest.Client{}, nil }
func (c *controller) BakeryClient() base.MacaroonDischarger        { return nil }
func (c *controller) Context() context.Context                     { return context.Background() }
func (c *controller) ConnectStream(string, url.Values) (base.Stream, error) {
	return nil, errNotHere
}
func (c *controller) ConnectControllerStream(string, url.Values, http.Header) (base.Stream, error) {
	return nil, errNotHere
}
