"""kazoo: the client and its recipes. Arguments: the addresses of Kafka (unused) and of ZooKeeper."""

import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadVersionError,
    NoAuthError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
)
from kazoo.protocol.states import EventType
from kazoo.security import make_digest_acl

SERVER = sys.argv[2]
PATIENCE = 60


def connect(**settings):
    client = KazooClient(SERVER, **settings)
    client.start(timeout=PATIENCE)
    return client


def step(name):
    print('--', name, flush=True)


def equal(got, want, what):
    assert got == want, f'{what}: got {got!r}, want {want!r}'


def eventually(claim, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f'in time: {claim}'
        time.sleep(0.02)


def refused(error, claim, call):
    try:
        call()
    except error:
        return
    raise AssertionError(f'{claim}: not refused')


class Events:
    """A watcher that keeps what it is told."""

    def __init__(self):
        self.seen = []

    def __call__(self, event):
        self.seen.append((event.type, event.path))

    def expect(self, *event):
        eventually(f'a watch fires: {event}', lambda: self.seen)
        equal(self.seen.pop(0), event, 'event')


def create():
    step('create in every mode')
    equal(zk.create('/py', b'root'), '/py', 'persistent')
    path, stat = zk.create('/py/stat', b'four', include_data=True)
    equal(stat.data_length, 4, 'the stat of create2')
    equal(zk.create('/py/s-', sequence=True), '/py/s-0000000001', 'sequential')
    equal(zk.create('/py/e', ephemeral=True), '/py/e', 'ephemeral')
    equal(zk.create('/py/es-', ephemeral=True, sequence=True), '/py/es-0000000003', 'ephemeral sequential')
    refused(NodeExistsError, 'a node is created once', lambda: zk.create('/py'))
    refused(NoNodeError, 'a node needs its parent', lambda: zk.create('/none/child'))
    refused(NoChildrenForEphemeralsError, 'ephemerals have no children', lambda: zk.create('/py/e/child'))
    zk.ensure_path('/py/a/b/c')
    equal(zk.exists('/py/e').ephemeralOwner, zk.client_id[0], 'owner of an ephemeral')


def data():
    step('data and versions')
    equal(zk.get('/py')[0], b'root', 'data')
    equal(zk.set('/py', b'new', version=0).version, 1, 'version')
    refused(BadVersionError, 'versions are checked', lambda: zk.set('/py', b'late', version=0))
    refused(NotEmptyError, 'a node with children stays', lambda: zk.delete('/py'))
    children, stat = zk.get_children('/py', include_data=True)
    equal(stat.numChildren, len(children), 'children')
    zk.delete('/py/a', recursive=True)
    equal(zk.exists('/py/a'), None, 'a deleted tree')
    equal(zk.sync('/py'), '/py', 'sync')


def watches():
    step('watches')
    other, events = connect(), Events()
    zk.exists('/py/w', watch=events)
    other.create('/py/w', ephemeral=True)
    events.expect(EventType.CREATED, '/py/w')
    zk.get('/py/w', watch=events)
    other.set('/py/w', b'2')
    events.expect(EventType.CHANGED, '/py/w')
    zk.get_children('/py', watch=events)
    other.create('/py/w2')
    events.expect(EventType.CHILD, '/py')
    zk.exists('/py/w', watch=events)
    other.stop()
    events.expect(EventType.DELETED, '/py/w')
    other.close()

    versions = []
    zk.DataWatch('/py/w2', lambda data, stat: versions.append(stat and stat.version))
    for _ in range(2):
        seen = len(versions)
        zk.set('/py/w2', b'x')
        eventually('a data watch tells of each change', lambda: len(versions) > seen)
    equal(versions, [0, 1, 2], 'versions a data watch saw')


def multi():
    step('multi')
    t = zk.transaction()
    t.create('/py/m', b'1')
    t.create('/py/m/s-', sequence=True)
    t.set_data('/py/m', b'2', version=0)
    t.check('/py/m', 1)
    t.delete('/py/m/s-0000000000')
    results = t.commit()
    equal((results[0], results[1], results[2].version), ('/py/m', '/py/m/s-0000000000', 1), 'results')
    t = zk.transaction()
    t.set_data('/py/m', b'3')
    t.check('/py/m', 77)
    equal([type(r) for r in t.commit()], [RolledBackError, BadVersionError], 'results of a multi with a false check')
    equal(zk.get('/py/m')[0], b'2', 'a failed multi changes nothing')


def acls():
    step('ACLs')
    owner = connect(auth_data=[('digest', 'user:secret')])
    owner.create('/py/private', b'mine', acl=[make_digest_acl('user', 'secret', all=True)])
    refused(NoAuthError, 'others may not read', lambda: zk.get('/py/private'))
    equal(owner.get('/py/private')[0], b'mine', 'the owner reads')
    owner.stop()
    owner.close()


def recipes():
    step('recipes: lock, election, counter, queue, barrier')
    inside, entered = [], []

    def work():
        client = connect()
        for _ in range(5):
            with client.Lock('/py/lock'):
                inside.append(1)
                entered.append(len(inside))
                inside.pop()
        client.stop()
        client.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(PATIENCE)
    equal(entered, [1] * 20, 'holders of the lock')

    led = []
    zk.Election('/py/election', 'me').run(lambda: led.append(True))
    equal(led, [True], 'elected')
    counter = zk.Counter('/py/counter')
    for _ in range(10):
        counter += 1
    equal(counter.value, 10, 'the counter')
    queue = zk.Queue('/py/queue')
    for value in (b'low', b'high'):
        queue.put(value, priority=10 if value == b'high' else 100)
    equal([queue.get(), queue.get(), queue.get()], [b'high', b'low', None], 'the queue')


zk = connect()
create()
data()
watches()
multi()
acls()
recipes()
equal(len(zk.get_children('/brokers/ids')), 1, 'brokers')
zk.stop()
zk.close()
