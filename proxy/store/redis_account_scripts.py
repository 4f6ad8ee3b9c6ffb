"""The scripts of rates, budgets and usage; their keys are told in redis_scripts.py."""

from proxy.store.redis_scripts import script

# → nothing where one was taken, else the time of the one that has to grow old first
SPEND = script("""
local bucket, allowed, old, now, token, keep = unpack(ARGV)
local name = P .. 'hits:' .. bucket
call('ZREMRANGEBYSCORE', name, '-inf', old)
local last = tonumber(allowed) - 1
local at = call('ZREVRANGE', name, last, last, 'WITHSCORES')[2]
if at then return at end
call('ZADD', name, now, token)
call('PEXPIRE', name, math.max(tonumber(keep), call('PTTL', name)))
return false
""")

# → {in | concurrency | rpm, hits before this one, time of the last one, of the one that has to grow old first}
ADMIT = script("""
local client, concurrency, holder, till, rpm, now, old, token, keep = unpack(ARGV)
local places, hits = P .. 'places:' .. client, P .. 'hits:key:' .. client
call('ZREMRANGEBYSCORE', hits, '-inf', old)
local count = call('ZCARD', hits)
local last = call('ZREVRANGE', hits, 0, 0, 'WITHSCORES')[2] or false
if concurrency ~= '' then
  call('ZREMRANGEBYSCORE', places, '-inf', now)
  if call('ZCARD', places) >= tonumber(concurrency) then return {'concurrency', count, last, false} end
end
if rpm ~= '' then
  local turn = tonumber(rpm) - 1
  local first = call('ZREVRANGE', hits, turn, turn, 'WITHSCORES')[2]
  if first then return {'rpm', count, last, first} end
  call('ZADD', hits, now, token)
  call('PEXPIRE', hits, math.max(tonumber(keep), call('PTTL', hits)))
end
if concurrency ~= '' then call('ZADD', places, till, holder) end
return {'in', count, last, false}
""")

# ARGV: UNTIL CLIENT HOLDER …
STAY = script(
    """
for i = 2, #ARGV, 2 do
  call('ZADD', P .. 'places:' .. ARGV[i], 'XX', ARGV[1], ARGV[i + 1])
end
""",
    again=True,
)

LEAVE = script("call('ZREM', P .. 'places:' .. ARGV[1], ARGV[2])", again=True)

# → {in} or {over, slot, nanodollars, …}
RESERVE = script("""
local refused = exceeded(unpack(ARGV, 2))
if refused then return refused end
book(cjson.decode(ARGV[1]))
return {'in'}
""")

BOOK = script("book(cjson.decode(ARGV[1]))")

# → the days of which something is known
DAYS = script(
    """
return call('ZRANGEBYLEX', P .. 'days', '[' .. ARGV[1], '[' .. ARGV[2])
""",
    again=True,
)

# → {field, number, …}
USAGE = script("return call('HGETALL', P .. 'usage:' .. ARGV[1])", again=True)
