-- purge: forget up to so many entries that carry all of the labels. Answers how many were forgotten.
-- KEYS: none that is known before. ARGV: what all names begin with, the most at once, then the labels.
local names = ARGV[1]
local sets = {}
for at = 3, #ARGV do sets[#sets + 1] = names .. 'of:' .. ARGV[at] end
local found = redis.call('SINTER', unpack(sets))
local most = math.min(#found, tonumber(ARGV[2]))
for place = 1, most do
    local gone = found[place]
    local size = redis.call('HGET', names .. 'sizes', gone)
    if size then redis.call('DECRBY', names .. 'bytes', size) end
    for _, label in ipairs(cjson.decode(redis.call('HGET', names .. 'labels', gone) or '[]')) do
        redis.call('SREM', names .. 'of:' .. label, gone)
    end
    for at = 3, #ARGV do redis.call('SREM', names .. 'of:' .. ARGV[at], gone) end
    redis.call('HDEL', names .. 'sizes', gone)
    redis.call('HDEL', names .. 'labels', gone)
    redis.call('ZREM', names .. 'used', gone)
    redis.call('ZREM', names .. 'ends', gone)
    redis.call('DEL', names .. 'entry:' .. gone)
end
return most
