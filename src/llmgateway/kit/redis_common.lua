-- What every script of the store begins with: it is put before each of them.
local CEILING = 9e15
local function text(number) return string.format('%.0f', number) end
local function bounded(number)
    if number < 0 then return 0 end
    if number > CEILING then return CEILING end
    return number
end
-- Milliseconds: what was told, or the server's own time for ''.
local function clock(told)
    if told ~= '' then return tonumber(told) end
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

