-- settle: give gauges back, and windows and counters their true cost; once.
-- KEYS: ticket. ARGV: now (ms, '' = the server's), ticket id, prefix, epoch, then pairs of name and truth.
-- Answers 1 when the ticket was open. A ticket that the server lost (a flush, a restart) still counts what it cost.
local CEILING = 9e15
local function text(number) return string.format('%.0f', number) end
local function bounded(number)
    if number < 0 then return 0 end
    if number > CEILING then return CEILING end
    return number
end

local truths = {}
for at = 5, #ARGV, 2 do truths[ARGV[at]] = tonumber(ARGV[at + 1]) end
local held = redis.call('HGET', KEYS[1], 'held')
if not held then
    if redis.call('SET', KEYS[1] .. ':done', '1', 'NX', 'EX', '3600') then
        for name, truth in pairs(truths) do
            local key = ARGV[3] .. name .. '@' .. ARGV[4]
            local value = redis.call('GET', key)
            if value then redis.call('SET', key, text(bounded(tonumber(value) + truth)), 'KEEPTTL') end
        end
    end
    return 0
end
for _, claim in ipairs(cjson.decode(held)) do
    local kind, name, key, reserved = claim[1], claim[2], claim[3], tonumber(claim[4])
    if kind == 'g' then
        for unit = 1, reserved do
            redis.call('ZREM', key, unit == 1 and ARGV[2] or (ARGV[2] .. '|' .. unit))
        end
    elseif truths[name] and truths[name] ~= reserved then
        local value = redis.call('GET', key)
        if value then redis.call('SET', key, text(bounded(tonumber(value) + truths[name] - reserved)), 'KEEPTTL') end
    end
end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1] .. ':done', '1', 'EX', '3600')
return 1
