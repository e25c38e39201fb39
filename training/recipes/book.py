"""All recipes by name."""

from training.recipes.paper import ABLATION, PAPER
from training.recipes.segmentation import SEGMENTATION
from training.recipes.student import RESNET50, STUDENT, STUDENT_OPEN

RECIPES = {recipe.name: recipe for recipe in (STUDENT, STUDENT_OPEN, RESNET50, PAPER, ABLATION, SEGMENTATION)}
