"""What runs inside Redis: each script is one operation, whole or not at all.

Every key begins with KEYS[1], a prefix with a hash tag: in a cluster all are in one slot.

    job:ID        string   16 characters that every change makes anew, then the document
    meta:ID       hash     what is not in it, while there is any: `key` (its idempotency key's digest),
                           `twin` and `attempt` (while undelivered), `qINDEX` (the queue each task is in)
    listed:…      zset     places (see redis_index.py) by owner and kind, by owner, kind and status
    kinds:OWNER   hash     how many jobs it has of a kind
    deadlines     zset     places of unfinished jobs;   finished: of the others, by completed_at
    counts        hash     how many unfinished jobs by status and provider
    due:QUEUE     zset     "INDEX ID" by time; a queue is `submit:PROVIDER`, `poll:PROVIDER`
                           or, of webhooks, `poll:*webhooks`
    queues        set      the queues that are not empty
    keys          hash     digest of an idempotency key → digest of (owner, fingerprint), then the id
    twins:DIGEST  zset     undelivered jobs of one owner and fingerprint by created_at
    hits:BUCKET   zset     what was spent, by time
    places:CLIENT zset     who has a place, by the end of it
    spent:OWNER   hash     nanodollars by the slot of the budget;   spenders: set of all such keys
    tokens:CLIENT hash     tokens by the second that they were taken in
    booked:ID     string   for a while: that this booking or reservation was carried out
    usage:DAY     hash     numbers by what they count and for whom;   days: zset of all such days

A script that has begun to write is not undone by an error. None can happen there: a server that is read-only,
out of memory or in trouble with its disk refuses the first write or none.
"""

import hashlib
from typing import NamedTuple

VERSION = 1  # of the keys' layout


class Script(NamedTuple):
    """`again`: it may be repeated where its answer was lost."""

    source: str
    digest: str
    again: bool


_COMMON = """
local P = KEYS[1]
local call = redis.call

local function id_of(place)
  local sort, prefix = string.match(place, '^(.-)%z(.*)$')
  return prefix .. sort
end

local function unqueue(id, index)
  local meta, member = P .. 'meta:' .. id, index .. ' ' .. id
  local queue = call('HGET', meta, 'q' .. index)
  if not queue then return false end
  local at = call('ZSCORE', P .. 'due:' .. queue, member)
  call('ZREM', P .. 'due:' .. queue, member)
  if call('EXISTS', P .. 'due:' .. queue) == 0 then call('SREM', P .. 'queues', queue) end
  call('HDEL', meta, 'q' .. index)
  return at
end

local function enqueue(id, index, queue, at)
  call('ZADD', P .. 'due:' .. queue, at, index .. ' ' .. id)
  call('SADD', P .. 'queues', queue)
  call('HSET', P .. 'meta:' .. id, 'q' .. index, queue)
end

-- Money and usage: `postings` of redis_index.py.
local function book(lines)
  for _, one in ipairs(lines.add) do call('HINCRBY', P .. one[1], one[2], one[3]) end
  for _, name in ipairs(lines.spenders) do call('SADD', P .. 'spenders', name) end
  for _, day in ipairs(lines.days) do call('ZADD', P .. 'days', 0, day) end
end

-- What a hash has by slots, appended to `answer`, and their sum. Forgets what is older, and what was written
-- by a clock that was far ahead.
local function spent_since(name, old, young, answer)
  local spent, total = call('HGETALL', name), 0
  for i = 1, #spent, 2 do
    if tonumber(spent[i]) <= tonumber(old) or tonumber(spent[i]) > tonumber(young) then
      call('HDEL', name, spent[i])
    else
      total = total + tonumber(spent[i + 1])
      answer[#answer + 1], answer[#answer + 2] = spent[i], spent[i + 1]
    end
  end
  return total
end

-- Nothing where so much of a budget is left, else what is spent.
local function exceeded(owner, limit, needed, old, young)
  if owner == '' then return false end
  local answer = {'over'}
  local total = spent_since(P .. owner, old, young, answer)
  return total + tonumber(needed) > tonumber(limit) and answer
end

-- Bring the indexes from one state of a job to the next: `difference` of redis_index.py.
local function follow(id, text)
  if text == '' then return end
  local change = cjson.decode(text)
  for _, name in ipairs(change.leave) do call('ZREM', P .. name, change.place) end
  for _, one in ipairs(change.enter) do call('ZADD', P .. one[1], one[2], change.place) end
  for _, one in ipairs(change.tally) do
    if call('HINCRBY', P .. one[1], one[2], one[3]) <= 0 then call('HDEL', P .. one[1], one[2]) end
  end
  for _, one in ipairs(change.queue) do
    local known = unqueue(id, one[1])
    if one[2] ~= '' then enqueue(id, one[1], one[2], (not one[4] and known) or one[3]) end
  end
  book(change)
end

local function deliver(id)
  local meta = P .. 'meta:' .. id
  local twin = call('HGET', meta, 'twin')
  if twin then call('ZREM', P .. 'twins:' .. twin, id) end
  call('HDEL', meta, 'twin', 'attempt')
end

local function release(id)
  local meta = P .. 'meta:' .. id
  local key = call('HGET', meta, 'key')
  if key then
    local held = call('HGET', P .. 'keys', key)
    if held and string.sub(held, 33) == id then call('HDEL', P .. 'keys', key) end
    call('HDEL', meta, 'key')
  end
  deliver(id)
end
"""


def script(body: str, *, again: bool = False) -> Script:
    source = _COMMON + body
    digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
    return Script(source, digest, again)


# → the version of the layout
TOUCH = script(
    """
call('SET', P .. 'version', ARGV[1], 'NX')
return call('GET', P .. 'version')
""",
    again=True,
)

# → {made | twice | reused}, {joined, document} or {over, slot, nanodollars, …}
CREATE = script("""
local id, doc, key, twin, retry, since, created, keep, change = unpack(ARGV, 1, 9)
local meta, twins = P .. 'meta:' .. id, P .. 'twins:' .. twin
retry, keep = tonumber(retry), tonumber(keep)

local function holder()
  local held = call('HGET', P .. 'keys', key)
  local known = held and call('GET', P .. 'job:' .. string.sub(held, 33))
  if not known then return false end
  if string.sub(held, 1, 32) ~= twin then return {'reused'} end
  return {'joined', known}
end

local function undelivered()
  local offset, ids = 0, nil
  repeat
    ids = call('ZRANGEBYSCORE', twins, since, '+inf', 'LIMIT', offset, 64)
    for _, one in ipairs(ids) do
      local attempt = tonumber(call('HGET', P .. 'meta:' .. one, 'attempt'))
      local known = attempt and attempt < retry and call('GET', P .. 'job:' .. one)
      if known then
        call('HSET', P .. 'meta:' .. one, 'attempt', retry)
        return {'joined', known}
      end
    end
    offset = offset + 64
  until #ids < 64
  return false
end

local joined = false
if key ~= '' then joined = holder() elseif retry > 0 then joined = undelivered() end
joined = joined or exceeded(unpack(ARGV, 10))
if joined then return joined end
if not call('SET', P .. 'job:' .. id, doc, 'NX') then return {'twice'} end
call('HSET', meta, 'twin', twin, 'attempt', retry)
call('ZADD', twins, created, id)
call('PEXPIRE', twins, math.max(keep, call('PTTL', twins)))
if key ~= '' then
  call('HSET', P .. 'keys', key, twin .. id)
  call('HSET', meta, 'key', key)
end
follow(id, change)
return {'made'}
""")

GET = script("return call('GET', P .. 'job:' .. ARGV[1])", again=True)

# → 1, or what stands there with another mark than the expected one, or nothing
UPDATE = script("""
local id, mark, new, change, free = unpack(ARGV)
if call('GETRANGE', P .. 'job:' .. id, 0, 15) ~= mark then return call('GET', P .. 'job:' .. id) end
call('SET', P .. 'job:' .. id, new)
follow(id, change)
if free == '1' then release(id) end
return 1
""")

DELIVERED = script("deliver(ARGV[1])", again=True)

RELEASE = script("release(ARGV[1])", again=True)

# → documents of finished jobs, oldest first
FINISHED = script(
    """
local docs = {}
for _, place in ipairs(call('ZRANGEBYSCORE', P .. 'finished', '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])) do
  local doc = call('GET', P .. 'job:' .. id_of(place))
  if doc then docs[#docs + 1] = doc else call('ZREM', P .. 'finished', place) end
end
return docs
""",
    again=True,
)

# → 1 where the job was as expected, and is removed
REMOVE = script("""
local id, mark, change = unpack(ARGV)
if call('GETRANGE', P .. 'job:' .. id, 0, 15) ~= mark then return 0 end
release(id)
follow(id, change)
call('DEL', P .. 'job:' .. id, P .. 'meta:' .. id)
return 1
""")
