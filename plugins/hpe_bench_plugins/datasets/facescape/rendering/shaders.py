"""The GLSL of the renderer. Skin is lit at its vertices, which are closer than 3 mm: five times as fast on a processor
as lighting each pixel. Eyes and textures, which have more detail than vertices, are lit pixel by pixel."""

#: Camera axes are x right, y down, z forward. NDC y is left pointing down, so that row 0 of what is read back is the
#: top of the image.
_CAMERA = """#version 330
uniform mat3 rotation;
uniform float distance;
uniform float scale;
uniform vec2 reach;

vec4 clip(vec3 seen) {
    float near = reach.x, far = reach.y;
    return vec4(scale * seen.xy, ((far + near) * seen.z - 2.0 * far * near) / (far - near), seen.z);
}
"""

#: Two lights and a hemisphere. Light wraps around the edge of the shadow, red most, as under skin.
_LIGHT = """
uniform vec3 to_key;
uniform vec3 key;
uniform vec3 to_fill;
uniform vec3 fill;
uniform vec3 sky;
uniform vec3 ground;

vec3 lit_by(vec3 towards, vec3 strength, vec3 n, vec3 view, vec3 albedo, float gloss, float sharpness) {
    const vec3 wrap = vec3(0.30, 0.20, 0.17);
    float cosine = dot(n, towards);
    vec3 diffuse = max((cosine + wrap) / (1.0 + wrap), 0.0);
    float shine = gloss * pow(max(dot(n, normalize(towards + view)), 0.0), sharpness) * step(0.0, cosine);
    return strength * (albedo * diffuse + shine);
}

vec3 shade(vec3 seen, vec3 n, vec3 albedo, float gloss, float sharpness) {
    vec3 view = normalize(-seen);
    vec3 sum = mix(ground, sky, 0.5 - 0.5 * n.y) * albedo;
    sum += lit_by(to_key, key, n, view, albedo, gloss, sharpness);
    sum += lit_by(to_fill, fill, n, view, albedo, gloss, sharpness);
    return pow(clamp(sum, 0.0, 1.0), vec3(1.0 / 2.2));
}
"""

SKIN_VERTEX = f"""{_CAMERA}{_LIGHT}
uniform bool lit;
in vec3 position;
in vec3 normal;
in vec3 colour;
in vec4 surface;
out vec3 shown;

void main() {{
    vec3 seen = rotation * position + vec3(0.0, 0.0, distance);
    shown = lit ? shade(seen, rotation * normal, colour, surface.y, 14.0) : colour;
    gl_Position = clip(seen);
}}
"""

SKIN_FRAGMENT = """#version 330
uniform float inside;
in vec3 shown;
out vec4 result;

void main() {
    result = vec4(gl_FrontFacing ? shown : inside * shown, 1.0);
}
"""

DETAIL_VERTEX = f"""{_CAMERA}
in vec3 position;
in vec3 normal;
in vec3 colour;
in vec4 surface;
out vec3 seen;
out vec3 facing;
out vec3 tint;
out vec4 matter;

void main() {{
    seen = rotation * position + vec3(0.0, 0.0, distance);
    facing = rotation * normal;
    tint = colour;
    matter = surface;
    gl_Position = clip(seen);
}}
"""

DETAIL_FRAGMENT = f"""#version 330
{_LIGHT}
const float TEXTURED = 1.5;
uniform vec3 iris;
uniform vec2 pupil;
uniform bool lit;
uniform float inside;
uniform sampler2D skin;
in vec3 seen;
in vec3 facing;
in vec3 tint;
in vec4 matter;
out vec4 result;

vec3 eyeball(float radius) {{
    float edge = radius / pupil.y;
    float fibres = 0.8 + 0.5 * edge - 0.8 * smoothstep(0.8, 1.0, edge);
    vec3 inner = mix(iris * fibres, vec3(0.004), smoothstep(pupil.x * 1.1, pupil.x * 0.9, radius));
    return mix(tint, inner, smoothstep(1.0, 0.88, edge));
}}

void main() {{
    bool textured = matter.x > TEXTURED;
    vec3 albedo = textured ? tint * pow(texture(skin, matter.zw).rgb, vec3(2.2)) : eyeball(length(matter.zw));
    vec3 shown = lit ? shade(seen, normalize(facing), albedo, matter.y, textured ? 14.0 : 150.0) : albedo;
    result = vec4(gl_FrontFacing ? shown : inside * shown, 1.0);
}}
"""

BACKGROUND_VERTEX = """#version 330
out vec2 place;

void main() {
    place = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(place * 2.0 - 1.0, 0.0, 1.0);
}
"""

BACKGROUND_FRAGMENT = """#version 330
uniform sampler2D backdrop;
in vec2 place;
out vec4 result;

void main() {
    vec2 cells = vec2(textureSize(backdrop, 0));
    vec2 at = place * (cells - 1.0);
    vec2 smoothed = floor(at) + smoothstep(0.0, 1.0, fract(at));
    result = vec4(texture(backdrop, (smoothed + 0.5) / cells).rgb, 1.0);
}
"""

PLACE_VERTEX = f"""{_CAMERA}
in vec3 position;
out vec3 place;

void main() {{
    place = position;
    gl_Position = clip(rotation * position + vec3(0.0, 0.0, distance));
}}
"""

PLACE_FRAGMENT = """#version 330
in vec3 place;
out vec4 result;

void main() {
    result = vec4(place, 1.0);
}
"""
