// go-zookeeper: every mode of creation, watches, ephemerals, multi, ACLs, the lock.
package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"

	"holdfast/foreign/check"
)

var open = zk.WorldACL(zk.PermAll)

// The client goes to any of them.
func servers() []string { return strings.Split(os.Args[2], ",") }

func connect() *zk.Conn {
	c, _, err := zk.Connect(servers(), 10*time.Second, zk.WithLogInfo(false))
	check.Fine(err, "connect")
	check.Eventually("a session", func() bool { return c.State() == zk.StateHasSession })
	return c
}

func event(events <-chan zk.Event, what string) zk.Event {
	select {
	case e := <-events:
		return e
	case <-time.After(check.Patience):
		check.That(false, "a watch fires: %s", what)
		panic(what)
	}
}

func create(c *zk.Conn) {
	check.Step("create in every mode")
	check.Equal(check.Must(c.Create("/go", []byte("root"), zk.FlagPersistent, open)), "/go", "a persistent node's name")
	_, err := c.Create("/go", nil, zk.FlagPersistent, open)
	check.That(errors.Is(err, zk.ErrNodeExists), "a node is created once: %v", err)
	_, err = c.Create("/none/child", nil, zk.FlagPersistent, open)
	check.That(errors.Is(err, zk.ErrNoNode), "a node needs its parent: %v", err)
	check.Equal(check.Must(c.Create("/go/seq-", nil, zk.FlagSequence, open)), "/go/seq-0000000000",
		"the first sequential name")
	check.Equal(check.Must(c.Create("/go/seq-", nil, zk.FlagSequence, open)), "/go/seq-0000000001", "the second")
	check.Equal(check.Must(c.Create("/go/es-", nil, zk.FlagEphemeralSequential, open)), "/go/es-0000000002",
		"ephemeral sequential")
	check.Equal(check.Must(c.Create("/go/e", nil, zk.FlagEphemeral, open)), "/go/e", "ephemeral")
	_, err = c.Create("/go/e/child", nil, zk.FlagPersistent, open)
	check.That(errors.Is(err, zk.ErrNoChildrenForEphemerals), "ephemerals have no children: %v", err)
	check.Equal(check.Must(c.CreateContainer("/go/container", nil, zk.FlagContainer, open)), "/go/container",
		"container")
	check.Equal(check.Must(c.CreateTTL("/go/ttl", nil, zk.FlagTTL, open, time.Hour)), "/go/ttl", "with a time to live")
	check.Equal(check.Must(c.CreateTTL("/go/ttl-", nil, zk.FlagPersistentSequentialWithTTL, open, time.Hour)),
		"/go/ttl-0000000006", "sequential with a time to live")
	_, stat, err := c.Get("/go/e")
	check.Fine(err, "get")
	check.Equal(stat.EphemeralOwner, c.SessionID(), "an ephemeral's owner")
	protected := check.Must(c.CreateProtectedEphemeralSequential("/go/p-", nil, open))
	check.That(len(protected) > len("/go/_c_"), "a protected name: %s", protected)
}

func data(c *zk.Conn) {
	check.Step("data, versions, children")
	bytes, stat, err := c.Get("/go")
	check.Fine(err, "get")
	check.Equal(string(bytes), "root", "data")
	check.Equal(stat.Version, int32(0), "version")
	stat = check.Must(c.Set("/go", []byte("new"), 0))
	check.Equal(stat.Version, int32(1), "version after set")
	_, err = c.Set("/go", []byte("late"), 0)
	check.That(errors.Is(err, zk.ErrBadVersion), "versions are checked: %v", err)
	_, err = c.Set("/go", make([]byte, 900_000), -1)
	check.Fine(err, "set nearly the largest data")
	bytes, stat, err = c.Get("/go")
	check.Fine(err, "get large data")
	check.Equal(len(bytes), 900_000, "its size")
	children, _, err := c.Children("/go")
	check.Fine(err, "children")
	check.Equal(int(stat.NumChildren), len(children), "children in the stat")
	check.That(errors.Is(c.Delete("/go", -1), zk.ErrNotEmpty), "a node with children stays")
	check.Fine(c.Delete("/go/seq-0000000000", 0), "delete")
	there, _, err := c.Exists("/go/seq-0000000000")
	check.Fine(err, "exists")
	check.That(!there, "a deleted node is gone")
	check.Equal(check.Must(c.Sync("/go")), "/go", "sync")
}

func watches(c *zk.Conn) {
	check.Step("watches")
	other := connect()
	there, _, exists, err := c.ExistsW("/go/watched")
	check.Fine(err, "exists")
	check.That(!there, "not there yet")
	_, _, children, err := c.ChildrenW("/go")
	check.Fine(err, "children")
	check.Must(other.Create("/go/watched", []byte("1"), 0, open))
	check.Equal(event(exists, "created").Type, zk.EventNodeCreated, "exists watch")
	e := event(children, "children changed")
	check.Equal(e.Type, zk.EventNodeChildrenChanged, "children watch")
	check.Equal(e.Path, "/go", "its path")
	_, _, changed, err := c.GetW("/go/watched")
	check.Fine(err, "get")
	check.Must(other.Set("/go/watched", []byte("2"), -1))
	check.Equal(event(changed, "data changed").Type, zk.EventNodeDataChanged, "data watch")
	_, _, deleted, err := c.GetW("/go/watched")
	check.Fine(err, "get")
	check.Fine(other.Delete("/go/watched", -1), "delete")
	check.Equal(event(deleted, "deleted").Type, zk.EventNodeDeleted, "data watch of a deleted node")

	check.Must(other.Create("/go/short", nil, zk.FlagEphemeral, open))
	_, _, gone, err := c.ExistsW("/go/short")
	check.Fine(err, "exists")
	other.Close()
	check.Equal(event(gone, "the ephemeral of a closed session").Type, zk.EventNodeDeleted, "ephemerals go on close")
}

func multi(c *zk.Conn) {
	check.Step("multi")
	results, err := c.Multi(
		&zk.CreateRequest{Path: "/go/m", Data: []byte("1"), Acl: open},
		&zk.CreateRequest{Path: "/go/m/s-", Acl: open, Flags: zk.FlagSequence},
		&zk.SetDataRequest{Path: "/go/m", Data: []byte("2"), Version: 0},
		&zk.CheckVersionRequest{Path: "/go/m", Version: 1},
		&zk.DeleteRequest{Path: "/go/m/s-0000000000", Version: -1})
	check.Fine(err, "multi")
	check.Equal(len(results), 5, "results")
	check.Equal(results[1].String, "/go/m/s-0000000000", "a sequential name in a multi")
	check.Equal(results[2].Stat.Version, int32(1), "a version in a multi")
	results, err = c.Multi(&zk.SetDataRequest{Path: "/go/m", Data: []byte("3"), Version: -1},
		&zk.CheckVersionRequest{Path: "/go/m", Version: 77})
	check.That(errors.Is(err, zk.ErrBadVersion), "a multi with a false check fails: %v", err)
	bytes, _, err := c.Get("/go/m")
	check.Fine(err, "get")
	check.Equal(string(bytes), "2", "a failed multi changes nothing")
}

func acls(c *zk.Conn) {
	check.Step("ACLs")
	owner := connect()
	check.Fine(owner.AddAuth("digest", []byte("user:secret")), "add auth")
	check.Must(owner.Create("/go/private", []byte("mine"), 0, zk.DigestACL(zk.PermAll, "user", "secret")))
	_, _, err := c.Get("/go/private")
	check.That(errors.Is(err, zk.ErrNoAuth), "others may not read: %v", err)
	bytes, _, err := owner.Get("/go/private")
	check.Fine(err, "get as the owner")
	check.Equal(string(bytes), "mine", "the owner reads")
	acl, stat, err := owner.GetACL("/go/private")
	check.Fine(err, "get the ACL")
	check.Equal(acl[0].Scheme, "digest", "its scheme")
	check.Must(owner.SetACL("/go/private", zk.WorldACL(zk.PermRead), stat.Aversion))
	_, _, err = c.Get("/go/private")
	check.Fine(err, "get after it was opened")
	_, err = c.Set("/go/private", nil, -1)
	check.That(errors.Is(err, zk.ErrNoAuth), "reading is not writing: %v", err)
	owner.Close()
}

func lock() {
	check.Step("the lock")
	var inside, entered atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			c := connect()
			defer c.Close()
			for range 5 {
				l := zk.NewLock(c, "/go/lock", open)
				check.Fine(l.Lock(), "lock")
				check.Equal(inside.Add(1), int32(1), "who holds the lock")
				entered.Add(1)
				inside.Add(-1)
				check.Fine(l.Unlock(), "unlock")
			}
		})
	}
	all.Wait()
	check.Equal(entered.Load(), int32(20), "times the lock was held")
}

func brokerNodes(c *zk.Conn) {
	check.Step("what the broker registers")
	check.Eventually("as many brokers as servers", func() bool {
		ids, _, err := c.Children("/brokers/ids")
		check.Fine(err, "children of /brokers/ids")
		return len(ids) == len(servers())
	})
	root, _, err := c.Children("/")
	check.Fine(err, "children of /")
	for _, name := range []string{"brokers", "cluster", "config", "controller", "zookeeper"} {
		check.That(slices.Contains(root, name), "/%s is there", name)
	}
}

func main() {
	c := connect()
	create(c)
	data(c)
	watches(c)
	multi(c)
	acls(c)
	lock()
	brokerNodes(c)
	c.Close()
}
