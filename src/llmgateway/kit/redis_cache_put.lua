-- put: keep a value for so long, and let the least recently used go when there are too many bytes.
-- KEYS: the entry. ARGV: what all names begin with, the entry's id, value, ms, size, most bytes, now (ms), then its labels.
local names, id = ARGV[1], ARGV[2]
local used, ends, sizes, labels, total = names .. 'used', names .. 'ends', names .. 'sizes', names .. 'labels', names .. 'bytes'
local now = tonumber(ARGV[7])
local function drop(gone)
    local size = redis.call('HGET', sizes, gone)
    if not size then return end
    redis.call('DECRBY', total, size)
    redis.call('HDEL', sizes, gone)
    for _, label in ipairs(cjson.decode(redis.call('HGET', labels, gone))) do
        redis.call('SREM', names .. 'of:' .. label, gone)
    end
    redis.call('HDEL', labels, gone)
    redis.call('ZREM', used, gone)
    redis.call('ZREM', ends, gone)
    redis.call('DEL', names .. 'entry:' .. gone)
end
for _, over in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', ARGV[7], 'LIMIT', '0', '50')) do drop(over) end
drop(id)
local mine = {}
for at = 8, #ARGV do
    mine[#mine + 1] = ARGV[at]
    redis.call('SADD', names .. 'of:' .. ARGV[at], id)
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
redis.call('HSET', sizes, id, ARGV[5])
redis.call('HSET', labels, id, cjson.encode(mine))
redis.call('ZADD', used, ARGV[7], id)
redis.call('ZADD', ends, string.format('%.0f', now + tonumber(ARGV[4])), id)
local bytes = redis.call('INCRBY', total, ARGV[5])
while bytes > tonumber(ARGV[6]) do
    local oldest = redis.call('ZRANGE', used, '0', '0')[1]
    if not oldest then break end
    drop(oldest)
    bytes = tonumber(redis.call('GET', total) or '0')
end
return 1
