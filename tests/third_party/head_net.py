import io

from hpe_bench import (
    Estimator,
    ImageRecipe,
    Images,
    ImageTraining,
    MissingError,
    Options,
    Preset,
    geodesic_loss,
    hookimpl,
    train_image_network,
)


def network():
    from torch import nn

    layers = []
    for inputs, outputs in ((3, 16), (16, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 4 * 4, 6))


def prepare(images):  # (N, 64, 64, 3) uint8, as batch.images
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def rotations(output):  # (N, 6) to R (N, 3, 3): two of the columns, which need not be orthogonal
    import torch

    x = torch.nn.functional.normalize(output[:, :3], dim=-1)
    z = torch.nn.functional.normalize(torch.linalg.cross(x, output[:, 3:]), dim=-1)
    return torch.stack([x, torch.linalg.cross(z, x), z], dim=-1)


def save(trained):
    import torch

    torch.save(trained.state_dict(), buffer := io.BytesIO())
    return {"network.pt": buffer.getvalue()}


class HeadNet(Estimator):
    class Options(Options):
        weights: str = "default"

    TrainingOptions = ImageTraining
    presets = {"quick": Preset("a minute on a CPU", {"epochs": 12, "batch": 32, "rate": 2e-3, "schedule": "cosine"})}
    inputs = Images(size=(64, 64))
    requires, extra, devices = ("torch",), "training", ("cpu", "cuda")

    @classmethod
    def train(cls, training):
        def loss(output, target):
            return geodesic_loss(rotations(output), target.rotation)

        return train_image_network(training, ImageRecipe(cls.inputs, network, loss, save, prepare, rotations))

    def find_weights(self, folder):
        path = folder / self.options.weights / "network.pt"
        if not path.is_file():
            raise MissingError(f"no {path}; make it with: hpe-bench train head-net --as {self.options.weights}")
        return {"network": path}

    def load(self, weights, device):
        import torch

        self.device, self.network = device, network().to(device).eval()
        self.network.load_state_dict(torch.load(weights["network"], device, weights_only=True))

    def predict(self, batch):
        import torch

        with torch.inference_mode():
            images = torch.from_numpy(batch.images).to(self.device)
            return rotations(self.network(prepare(images))).cpu().numpy()


@hookimpl
def register_estimators(register):
    register("head-net", HeadNet, summary="four convolutions")
